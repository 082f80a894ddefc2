# registry (L2): the distribution protocol, client side; the only user of libcurl
noinst_LIBRARIES += libregistry.a
libregistry_a_SOURCES = \
	src/registry/auth.c src/registry/auth.h src/registry/auth_file.c src/registry/auth_file.h \
	src/registry/challenge.c src/registry/challenge.h \
	src/registry/http.c src/registry/http.h \
	src/registry/token.c src/registry/token.h \
	src/registry/client.c src/registry/client.h src/registry/fetch.c src/registry/upload.c \
	src/registry/client_impl.h
libregistry_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS)
