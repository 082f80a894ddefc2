/* certs: certificates of single registries (containers-certs.d(5)).
 *
 * The directories ~/.config/containers/certs.d/HOST:PORT, /etc/containers/certs.d/HOST:PORT,
 * /etc/docker/certs.d/HOST:PORT, and one given by --cert-dir, in which *.crt are CA certificates
 * and X.cert with X.key is a client's pair. The CA certificates count beside the system's.
 */
#ifndef STRAKE_REGISTRY_CERTS_H
#define STRAKE_REGISTRY_CERTS_H

#include "base/err.h"

struct certs {
	int bundle_fd;	   /* a memfd of the system's and the extra CA certificates; -1: only the
			      system's */
	char *ca_file;	   /* to give to curl; NULL: none but ca_dir */
	char *ca_dir;	   /* or NULL */
	char *client_cert; /* paths, PEM; NULL: none */
	char *client_key;
};

#define CERTS_INIT                                                                                 \
	{                                                                                          \
		.bundle_fd = -1                                                                    \
	}

/* A .cert without its .key is an error, so is a file that cannot be read or a cert_dir that is not
 * there. */
int certs_load(const char *host, const char *cert_dir, struct certs *ret, struct err *err);
void certs_release(struct certs *c);

#endif
