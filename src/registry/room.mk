# registry (L2): the distribution protocol, client side; the only user of libcurl
noinst_LIBRARIES += libregistry.a
libregistry_a_SOURCES = \
	src/registry/auth.c src/registry/auth.h src/registry/auth_file.c src/registry/auth_file.h \
	src/registry/authorize.c \
	src/registry/base64.c src/registry/base64.h \
	src/registry/call.c \
	src/registry/certs.c src/registry/certs.h \
	src/registry/challenge.c src/registry/challenge.h \
	src/registry/client.c src/registry/client.h src/registry/client_impl.h \
	src/registry/fetch.c \
	src/registry/http.c src/registry/http.h \
	src/registry/retry.c src/registry/retry.h \
	src/registry/token.c src/registry/token.h \
	src/registry/upload.c \
	src/registry/url.c src/registry/url.h
libregistry_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS)
