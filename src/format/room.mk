# format (L1): on-disk forms shared with other tools; pure
noinst_LIBRARIES += libformat.a
libformat_a_SOURCES = \
	src/format/override_stat.c src/format/override_stat.h \
	src/format/whiteout.c src/format/whiteout.h
