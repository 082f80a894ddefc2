# One program per room; check prints the counts.
if HAVE_CHECK
unit_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
unit_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS)
include tests/unit/base.mk
include tests/unit/oci.mk
include tests/unit/format.mk
include tests/unit/codec.mk
include tests/unit/store.mk
include tests/unit/registry.mk
include tests/unit/layer.mk
include tests/unit/ns.mk
include tests/unit/container.mk
include tests/unit/plan.mk
include tests/unit/fuse.mk
include tests/unit/cmd.mk
endif
