# ns (L2): namespaces, id maps, mounts, capabilities
noinst_LIBRARIES += libns.a
libns_a_SOURCES = \
	src/ns/identity.c src/ns/identity.h \
	src/ns/idmap.c src/ns/subid.c src/ns/idmap.h \
	src/ns/apply.c \
	src/ns/helper.c src/ns/helper.h \
	src/ns/diagnose.c src/ns/diagnose.h \
	src/ns/enter.c src/ns/enter.h \
	src/ns/caps.c src/ns/caps.h \
	src/ns/mount.c src/ns/mount_bind.c src/ns/mount_overlay.c src/ns/mount_fuse.c \
	src/ns/mount.h \
	src/ns/mount_tree.c src/ns/mount_tree.h \
	src/ns/mountinfo.c src/ns/mountinfo.h \
	src/ns/sys.c src/ns/sys.h \
	src/ns/probe.c src/ns/probe_fuse.c src/ns/probe.h src/ns/probe_impl.h
