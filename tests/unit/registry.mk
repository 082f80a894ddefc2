# unit tests of the room registry
check_PROGRAMS += tests/unit/registry
TESTS += tests/unit/registry
tests_unit_registry_SOURCES = tests/unit/registry.c tests/unit/registry.h tests/unit/unit.h \
	tests/unit/registry_auth.c tests/unit/registry_authorize.c tests/unit/registry_certs.c \
	tests/unit/registry_client.h tests/unit/registry_fetch.c tests/unit/registry_get.c \
	tests/unit/registry_put.c tests/unit/registry_server.c
tests_unit_registry_CPPFLAGS = $(unit_cppflags)
tests_unit_registry_CFLAGS = $(unit_cflags) $(CURL_CFLAGS) -pthread
tests_unit_registry_LDADD = libregistry.a liboci.a libbase.a $(CURL_LIBS) $(JANSSON_LIBS) \
	$(CRYPTO_LIBS) $(CHECK_LIBS) -lpthread
