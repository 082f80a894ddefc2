# container (L4): plan, execute, wait; state on disk
noinst_LIBRARIES += libcontainer.a
libcontainer_a_SOURCES = \
	src/container/request.c src/container/request_mount.c src/container/request_env.c \
	src/container/request.h \
	src/container/state.c src/container/state_list.c src/container/state.h \
	src/container/run.c src/container/run.h
