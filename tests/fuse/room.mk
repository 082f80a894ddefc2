# Programs that try a mounted file system, whoever serves it: the scripts tests/cli/overlayfs-*.sh run them
# on strake-overlayfs, on the kernel's overlay and on a plain directory. `make fuse-programs` builds them.
fuse_programs = tests/fuse/posix tests/fuse/differ tests/fuse/stress tests/fuse/crash
EXTRA_PROGRAMS += $(fuse_programs)
CLEANFILES += $(fuse_programs)
.PHONY: fuse-programs
fuse-programs: $(fuse_programs)

tests_fuse_posix_SOURCES = tests/fuse/posix.c tests/fuse/posix.h tests/fuse/posix_acl.c tests/fuse/posix_acl.h \
	tests/fuse/posix_caps.c tests/fuse/posix_caps.h tests/fuse/posix_data.c tests/fuse/posix_dir.c \
	tests/fuse/posix_io.c tests/fuse/posix_link.c tests/fuse/posix_list.c tests/fuse/posix_make.c \
	tests/fuse/posix_mode.c tests/fuse/posix_name.c tests/fuse/posix_object.c tests/fuse/posix_open.c \
	tests/fuse/posix_path.c tests/fuse/posix_perm.c tests/fuse/posix_persist.c tests/fuse/posix_redirect.c \
	tests/fuse/posix_rename.c tests/fuse/posix_special.c tests/fuse/posix_time.c tests/fuse/posix_tool.c \
	tests/fuse/posix_xattr.c tests/fuse/posix_xattr.h
tests_fuse_differ_SOURCES = tests/fuse/differ.c tests/fuse/differ.h tests/fuse/differ_attrs.c tests/fuse/differ_data.c \
	tests/fuse/differ_held.c tests/fuse/differ_look.c tests/fuse/differ_lower.c tests/fuse/differ_names.c \
	tests/fuse/differ_pick.c tests/fuse/common.c tests/fuse/common.h
tests_fuse_stress_SOURCES = tests/fuse/stress.c tests/fuse/stress.h tests/fuse/stress_data.c tests/fuse/stress_data.h \
	tests/fuse/stress_names.c tests/fuse/stress_ops.c tests/fuse/common.c tests/fuse/common.h
tests_fuse_stress_LDADD = -lpthread
tests_fuse_crash_SOURCES = tests/fuse/crash.c tests/fuse/crash.h tests/fuse/crash_model.c tests/fuse/crash_ops.c \
	tests/fuse/common.c tests/fuse/common.h
