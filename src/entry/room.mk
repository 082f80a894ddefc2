# entry: the program between strake and a container's command (src/entry/entry.h). It stands alone: no hardening
# flags that need a C library, no sanitizers. $(ENTRY_FLAGS) and $(ENTRY_LINK) come from configure.
pkglibexec_PROGRAMS += strake-entry
strake_entry_SOURCES = src/entry/entry.c src/entry/entry.h src/entry/explain.c src/entry/start.c src/entry/sys.h
strake_entry_CFLAGS = $(STRAKE_WARNINGS) $(ENTRY_FLAGS)
strake_entry_LDFLAGS = -static
strake_entry_LDADD = $(ENTRY_LINK)
