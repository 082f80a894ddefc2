# base (L0): what every room stands on. sha256.o is only pulled into the libexec programs.
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	src/base/banned.h src/base/limits.h src/base/clock.h \
	src/base/err.c src/base/err.h \
	src/base/log.c src/base/log.h \
	src/base/mem.c src/base/mem.h \
	src/base/buf.c src/base/buf.h \
	src/base/str.c src/base/str.h \
	src/base/strv.c \
	src/base/vec.c src/base/vec.h \
	src/base/fd.c src/base/fd_tree.c src/base/fd.h \
	src/base/path.c src/base/path.h \
	src/base/xattr.c src/base/xattr.h \
	src/base/root_open.c src/base/root_open.h src/base/root_walk.c src/base/root_walk.h \
	src/base/proc.c src/base/proc.h \
	src/base/fusermount.c src/base/fusermount.h \
	src/base/stream.c src/base/stream.h \
	src/base/sha256.c src/base/sha256.h \
	src/base/json.c src/base/json.h \
	src/base/progress.c src/base/progress.h
