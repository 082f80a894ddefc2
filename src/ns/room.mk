# ns (L2): namespaces, id maps, mounts, capabilities
noinst_LIBRARIES += libns.a
libns_a_SOURCES = \
	src/ns/identity.c src/ns/subid.c src/ns/identity.h \
	src/ns/enter.c src/ns/enter.h \
	src/ns/caps.c src/ns/caps.h \
	src/ns/mount.c src/ns/mount.h \
	src/ns/probe.c src/ns/probe.h
