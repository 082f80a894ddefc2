# store (L2): the OCI layout on disk: blobs, tags, locks, scratch, gc
noinst_LIBRARIES += libstore.a
libstore_a_SOURCES = \
	src/store/store.c src/store/store.h src/store/lock.c src/store/lock.h \
	src/store/blob.c src/store/blob_put.c src/store/blob.h \
	src/store/scratch.c src/store/scratch.h \
	src/store/tag.c src/store/tag.h \
	src/store/gc.c src/store/gc.h src/store/mark.c src/store/mark.h
