# unit tests of the room oci; tests/data/reject: what must be refused, and with which words
check_PROGRAMS += tests/unit/oci
TESTS += tests/unit/oci
tests_unit_oci_SOURCES = tests/unit/oci.c tests/unit/oci_reference.c tests/unit/oci_platform.c \
	tests/unit/oci_manifest.c tests/unit/oci_config.c tests/unit/oci_change.c \
	tests/unit/oci_reject.c tests/unit/oci.h tests/unit/unit.h
tests_unit_oci_CPPFLAGS = $(unit_cppflags) -DTEST_TOP_SRCDIR='"$(abs_top_srcdir)"'
tests_unit_oci_CFLAGS = $(unit_cflags)
tests_unit_oci_LDADD = liboci.a libbase.a $(JANSSON_LIBS) $(CHECK_LIBS)
EXTRA_DIST += tests/data/reject/manifest tests/data/reject/index tests/data/reject/config \
	tests/data/reject/reference
