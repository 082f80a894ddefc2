# image (L3): joins store, layer and registry. open.c is strake's; the rest links into strake-image only.
noinst_LIBRARIES += libimage.a
libimage_a_SOURCES = \
	src/image/open.c src/image/open.h src/image/link.c src/image/link.h \
	src/image/pull.c src/image/pull.h \
	src/image/pull_layers.c src/image/pull_layers.h \
	src/image/push.c src/image/push.h \
	src/image/import.c src/image/import.h \
	src/image/unpack.c src/image/unpack.h
libimage_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS)
