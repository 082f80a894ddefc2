/* oci: what the unit tests of the room oci share. */
#ifndef STRAKE_TESTS_OCI_H
#define STRAKE_TESTS_OCI_H

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "unit.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST_A "sha256:" HEX_A
#define DIGEST_B "sha256:" HEX_B
#define DIGEST_C "sha256:" HEX_C

/* Asserts the code and a message that contains the text. */
#define assert_error(result, err, wanted_code, text)                                               \
	do {                                                                                       \
		ck_assert_int_eq(result, -(wanted_code));                                          \
		ck_assert_int_eq((err)->code, wanted_code);                                        \
		ck_assert_msg(strstr((err)->msg, text) != NULL, "'%s' lacks '%s'", (err)->msg,     \
			      text);                                                               \
	} while (0)

TCase *oci_reference_tests(void);
TCase *oci_platform_tests(void);
TCase *oci_manifest_tests(void);
TCase *oci_config_tests(void);
TCase *oci_change_tests(void);
TCase *oci_reject_tests(void);

#endif
