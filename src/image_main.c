/* strake-image: the verbs that need curl, libarchive, libcrypto, zlib, ISA-L or zstd. */
#include <signal.h>

#include "cmd/command.h"

static const struct verb verbs[] = {
	{&command_import, NULL, NULL, NULL},
	{&command_login, NULL, NULL, NULL},
	{&command_logout, NULL, NULL, NULL},
	{&command_pull, NULL, NULL, NULL},
	{&command_push, NULL, NULL, NULL},
	{&command_unpack, NULL, NULL, NULL},
	{NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
	/* a connection that the peer closed is an error to report, not a reason to die */
	signal(SIGPIPE, SIG_IGN);
	return command_main(argc, argv, verbs);
}
