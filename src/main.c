/* The command table: which verb lives in which program. `strake` itself links libc, libseccomp,
 * libcap and jansson only, so that what runs often starts fast; verbs that need more libraries are
 * other programs. */
#include "cmd/command.h"

static const struct verb verbs[] = {
	{&command_doctor, NULL, NULL, NULL},
	{&command_gc, NULL, NULL, NULL},
	{&command_help, NULL, NULL, NULL},
	{&command_images, NULL, NULL, NULL},
	{NULL, "import", "strake-image", "Make an image from a root filesystem tarball"},
	{&command_inspect, NULL, NULL, NULL},
	{NULL, "login", "strake-image", "Log in to a registry"},
	{NULL, "logout", "strake-image", "Forget the credentials of a registry"},
	{&command_mount, NULL, NULL, NULL},
	{&command_ps, NULL, NULL, NULL},
	{NULL, "pull", "strake-image", "Pull an image from a registry"},
	{NULL, "push", "strake-image", "Push an image to a registry"},
	{&command_reset, NULL, NULL, NULL},
	{&command_rm, NULL, NULL, NULL},
	{&command_rmi, NULL, NULL, NULL},
	{&command_run, NULL, NULL, NULL},
	{&command_tag, NULL, NULL, NULL},
	{&command_umount, NULL, NULL, NULL},
	{NULL, "unpack", "strake-image", "Unpack the layers of an image"},
	{&command_unshare, NULL, NULL, NULL},
	{&command_version, NULL, NULL, NULL},
	{NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
	return command_main(argc, argv, verbs);
}
