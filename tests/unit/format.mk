# unit tests of the room format
check_PROGRAMS += tests/unit/format
TESTS += tests/unit/format
tests_unit_format_SOURCES = tests/unit/format.c tests/unit/unit.h
tests_unit_format_CPPFLAGS = $(unit_cppflags)
tests_unit_format_CFLAGS = $(unit_cflags)
tests_unit_format_LDADD = libformat.a $(CHECK_LIBS)
