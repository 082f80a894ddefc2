# fuse: strake-overlayfs. The core knows no FUSE types; wire, loop and ops_* put the kernel's protocol on it.
pkglibexec_PROGRAMS += strake-overlayfs
noinst_LIBRARIES += liboverlay.a

liboverlay_a_SOURCES = \
	fuse/overlay.c fuse/overlay.h fuse/config.h \
	fuse/node.c fuse/node.h \
	fuse/place.c fuse/place.h fuse/circle.h \
	fuse/array.c fuse/array.h \
	fuse/layer.h fuse/source_dir.c \
	fuse/xat.c fuse/xat.h \
	fuse/marks.c fuse/marks.h \
	fuse/owner.c fuse/owner.h \
	fuse/dir.c fuse/listing.c fuse/dir.h \
	fuse/walk.c fuse/walk.h \
	fuse/lookup.c fuse/readdir.c fuse/lookup.h \
	fuse/locate.c fuse/locate.h \
	fuse/content.c fuse/content.h \
	fuse/copyup.c fuse/copydir.c fuse/copydata.c fuse/links.c fuse/copyup.h \
	fuse/work.c fuse/work.h \
	fuse/ahead.c fuse/ahead.h \
	fuse/upper.c fuse/upper.h \
	fuse/attr.c fuse/xattr.c fuse/create.c \
	fuse/remove.c fuse/remove.h \
	fuse/rename.c \
	fuse/options.c fuse/options.h

strake_overlayfs_SOURCES = \
	fuse/main.c \
	fuse/mount.c fuse/mount.h \
	fuse/confine.c fuse/confine.h \
	fuse/wire.c fuse/wire.h \
	fuse/loop.c fuse/loop.h \
	fuse/patience.c fuse/patience.h \
	fuse/ops.c fuse/ops_name.c fuse/ops_dir.c fuse/ops_file.c fuse/ops.h \
	fuse/check.c fuse/check_walk.c fuse/check_times.c fuse/check_entry.c fuse/check.h fuse/check_impl.h \
	fuse/flatten.c fuse/flatten_file.c
strake_overlayfs_LDADD = liboverlay.a libformat.a libbase.a $(SECCOMP_LIBS) -lpthread
