check_PROGRAMS += tests/unit/plan
TESTS += tests/unit/plan
tests_unit_plan_SOURCES = tests/unit/plan.c tests/unit/user.c tests/unit/unit.h
tests_unit_plan_CPPFLAGS = $(unit_cppflags)
# argv and env are char *const []; the literals in them are never written
tests_unit_plan_CFLAGS = $(unit_cflags) -Wno-write-strings
tests_unit_plan_LDADD = libcontainer.a libimage.a libstore.a libns.a liblayer.a libformat.a liboci.a \
	libbase.a $(JANSSON_LIBS) $(CAP_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
