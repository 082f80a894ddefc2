# oci (L1): the specifications' documents as structs; pure
noinst_LIBRARIES += liboci.a
liboci_a_SOURCES = \
	src/oci/digest.c src/oci/digest.h \
	src/oci/reference.c src/oci/reference.h \
	src/oci/media_type.c src/oci/media_type.h \
	src/oci/platform.c src/oci/platform.h \
	src/oci/descriptor.c src/oci/descriptor.h \
	src/oci/manifest.c src/oci/manifest.h \
	src/oci/image_config.c src/oci/image_config.h \
	src/oci/config_change.c src/oci/config_word.c src/oci/config_word.h \
	src/oci/signal_name.c
