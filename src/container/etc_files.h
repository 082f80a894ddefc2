/* etc_files: the hosts, hostname and resolv.conf that a container sees. */
#ifndef STRAKE_CONTAINER_ETC_FILES_H
#define STRAKE_CONTAINER_ETC_FILES_H

#include "base/err.h"

/* Writes the file `name` ("hosts", "hostname" or "resolv.conf") into dir_fd; it must not be there.
 * Called where the host's /etc is still to be seen: the container shares the host's network, so it
 * gets the host's name servers and host names, and its own name as another name of the loopback
 * address. Returns a descriptor of the file. */
int etc_file_write(int dir_fd, const char *name, const char *hostname, struct err *err);

#endif
