/* fuzz: what a target defines. libFuzzer's interface, which replay.c serves too. */
#ifndef STRAKE_TESTS_FUZZ_H
#define STRAKE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Tries one input. Returns 0; a broken promise aborts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* May be defined: called once before the first input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* A promise that holds whatever the input says; kept in every build, unlike assert(). */
#define fuzz_promise(condition)                                                                    \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
