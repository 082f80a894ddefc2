# tests: unit (check), fuzz (corpora replayed), arch (the dependency law); cli runs from contrib/check
include tests/unit/room.mk
include tests/fuzz/room.mk
include tests/arch/room.mk
include tests/fuse/room.mk

# run by contrib/check on an installed strake
EXTRA_DIST += tests/lib tests/cli tests/bench
