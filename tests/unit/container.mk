check_PROGRAMS += tests/unit/container
TESTS += tests/unit/container
tests_unit_container_SOURCES = tests/unit/container.c tests/unit/container.h tests/unit/container_request.c \
	tests/unit/container_state.c tests/unit/container_entry.c tests/unit/container_overlay.c tests/unit/unit.h
tests_unit_container_CPPFLAGS = $(unit_cppflags)
tests_unit_container_CFLAGS = $(unit_cflags)
tests_unit_container_LDADD = libcontainer.a libstore.a libns.a liboci.a libbase.a $(JANSSON_LIBS) $(CRYPTO_LIBS) \
	$(CHECK_LIBS)
EXTRA_tests_unit_container_DEPENDENCIES = strake-entry
