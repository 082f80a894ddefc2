# unit tests of the room fuse: the overlay without FUSE
check_PROGRAMS += tests/unit/fuse
TESTS += tests/unit/fuse
tests_unit_fuse_SOURCES = tests/unit/fuse.c tests/unit/fuse.h tests/unit/fuse_env.c tests/unit/unit.h \
	tests/unit/fuse_options.c tests/unit/fuse_owner.c tests/unit/fuse_keys.c tests/unit/fuse_marks.c \
	tests/unit/fuse_listing.c tests/unit/fuse_place.c tests/unit/fuse_node.c \
	tests/unit/fuse_walk.c tests/unit/fuse_redirect.c tests/unit/fuse_copy.c
tests_unit_fuse_CPPFLAGS = $(unit_cppflags)
tests_unit_fuse_CFLAGS = $(unit_cflags)
tests_unit_fuse_LDADD = liboverlay.a libformat.a libbase.a $(CHECK_LIBS) -lpthread
