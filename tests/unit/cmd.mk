check_PROGRAMS += tests/unit/cmd
TESTS += tests/unit/cmd
tests_unit_cmd_SOURCES = tests/unit/cmd.c tests/unit/cmd_main.c tests/unit/cmd_options.c \
	tests/unit/cmd_tables.c tests/unit/cmd_generated.c tests/unit/cmd_views.c \
	tests/unit/cmd_test.h tests/unit/unit.h
tests_unit_cmd_CPPFLAGS = $(unit_cppflags)
tests_unit_cmd_CFLAGS = $(unit_cflags)
tests_unit_cmd_LDADD = $(strake_image_libs) $(SECCOMP_LIBS) $(CAP_LIBS) $(CHECK_LIBS)

# Rewrites what is made from the option tables: the option lists in doc/man, contrib/completions.
regenerate: tests/unit/cmd
	STRAKE_REGENERATE=1 srcdir='$(srcdir)' tests/unit/cmd
.PHONY: regenerate
