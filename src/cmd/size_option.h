/* size_option: the option --max-unpacked-size of pull, import and unpack. */
#ifndef STRAKE_CMD_SIZE_OPTION_H
#define STRAKE_CMD_SIZE_OPTION_H

#include <stdint.h>

#include "base/err.h"

#define OPTION_MAX_UNPACKED(set_)                                                                  \
	{                                                                                          \
		"max-unpacked-size", 0, OPTION_CALL, 0,                                            \
			.value = "SIZE",                                                           \
			.help = "Refuse a layer that unpacks to more (default: 128g)", .set = set_ \
	}

/* "500m", "200g". */
int size_option_parse(const char *text, uint64_t *ret, struct err *err);

#endif
