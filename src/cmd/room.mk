# cmd: the command line. Two programs; `strake` must stay small: tests/arch checks what it links.
bin_PROGRAMS += strake
pkglibexec_PROGRAMS += strake-image
noinst_LIBRARIES += libcmd.a

libcmd_a_SOURCES = \
	src/cmd/options.c src/cmd/options_help.c src/cmd/options.h \
	src/cmd/command.c src/cmd/command.h \
	src/cmd/common.c src/cmd/common.h \
	src/cmd/table.c src/cmd/table.h \
	src/cmd/image_view.c src/cmd/image_view.h \
	src/cmd/image_obtain.c src/cmd/image_obtain.h \
	src/cmd/container_view.c src/cmd/container_view.h \
	src/cmd/registry_flags.c src/cmd/registry_flags.h \
	src/cmd/size_option.c src/cmd/size_option.h \
	src/cmd/prompt.c src/cmd/prompt.h \
	src/cmd/generate_bash.c src/cmd/generate_fish.c src/cmd/generate_man.c src/cmd/generate_zsh.c \
	src/cmd/generate.h \
	src/cmd/doctor.c src/cmd/gc.c src/cmd/help.c src/cmd/images.c src/cmd/import.c \
	src/cmd/inspect.c src/cmd/login.c src/cmd/logout.c src/cmd/mount.c src/cmd/ps.c src/cmd/pull.c \
	src/cmd/push.c src/cmd/reset.c src/cmd/rm.c src/cmd/rmi.c src/cmd/run.c src/cmd/tag.c \
	src/cmd/umount.c src/cmd/unpack.c src/cmd/unshare.c src/cmd/version.c

# in the order a linker wants: each before those it uses
strake_libs = libcmd.a libcontainer.a libimage.a libns.a libstore.a liblayer.a libformat.a liboci.a \
	libbase.a $(JANSSON_LIBS) $(SECCOMP_LIBS) $(CAP_LIBS)
strake_image_libs = libcmd.a libcontainer.a libimage.a libns.a libregistry.a liblayer.a libstore.a \
	libcodec.a libformat.a liboci.a libbase.a $(JANSSON_LIBS) $(CURL_LIBS) $(ARCHIVE_LIBS) \
	$(CRYPTO_LIBS) $(ISAL_LIBS) $(ZLIB_LIBS) $(ZSTD_LIBS) -lpthread

strake_SOURCES = src/main.c
strake_LDADD = $(strake_libs)
strake_image_SOURCES = src/image_main.c
strake_image_LDADD = $(strake_image_libs)
