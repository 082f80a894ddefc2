# container (L4): plan, execute, wait; state on disk
noinst_LIBRARIES += libcontainer.a
libcontainer_a_SOURCES = \
	src/container/request.c src/container/request_mount.c src/container/request_env.c \
	src/container/request.h \
	src/container/plan.c src/container/plan_mounts.c src/container/plan_print.c src/container/plan.h \
	src/container/rootfs.c src/container/rootfs.h \
	src/container/overlay_server.c src/container/overlay_server.h \
	src/container/child.c src/container/child.h \
	src/container/pass.c src/container/pass.h \
	src/container/start.c src/container/start.h \
	src/container/op_mount.c src/container/op_dev.c src/container/op_process.c \
	src/container/user.c src/container/user.h \
	src/container/tty.c src/container/tty.h \
	src/container/entry.c src/container/entry.h \
	src/container/etc_files.c src/container/etc_files.h \
	src/container/mountpoints.c src/container/mountpoints.h \
	src/container/wait.c src/container/wait.h \
	src/container/state.c src/container/state_name.c src/container/state_list.c src/container/state_remove.c \
	src/container/state_impl.h src/container/state.h \
	src/container/image_mount.c src/container/image_mount.h \
	src/container/run.c src/container/run.h
