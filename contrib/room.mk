# scripts
EXTRA_DIST += contrib/packages contrib/deps contrib/lib.sh contrib/quickstart contrib/check \
	contrib/busybox-rootfs .ci/run
