/* etc_files: the hosts, hostname and resolv.conf that a container sees, generated on the host's
 * side. */
#ifndef STRAKE_CONTAINER_ETC_FILES_H
#define STRAKE_CONTAINER_ETC_FILES_H

#include "base/err.h"

/* Writes etc/hosts, etc/hostname and etc/resolv.conf below dir_fd. The container shares the host's
 * network: it gets the host's name servers and host names, and its own name as another name of the
 * loopback address. */
int etc_files_write(int dir_fd, const char *hostname, struct err *err);

#endif
