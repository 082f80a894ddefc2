check_PROGRAMS += tests/unit/ns
TESTS += tests/unit/ns
tests_unit_ns_SOURCES = tests/unit/ns.c tests/unit/ns.h tests/unit/ns_ids.c tests/unit/ns_identity.c \
	tests/unit/ns_enter.c tests/unit/ns_mount.c tests/unit/ns_overlay.c tests/unit/ns_probe.c tests/unit/unit.h
tests_unit_ns_CPPFLAGS = $(unit_cppflags)
tests_unit_ns_CFLAGS = $(unit_cflags)
tests_unit_ns_LDADD = libns.a libbase.a $(JANSSON_LIBS) $(CHECK_LIBS)
