/* str: small string helpers; and strv, the NULL terminated array of strings that argv and env are.
 */
#ifndef STRAKE_BASE_STR_H
#define STRAKE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
bool str_is_empty(const char *s); /* NULL or "" */

/* Strict decimal, no sign, no blanks. Returns 0, -EINVAL, or -ERANGE above max. */
int str_to_u64(const char *s, uint64_t max, uint64_t *ret);
/* "64m", "1.5g", "100": docker's byte sizes (b k m g t, binary, either case, optional trailing b).
 * Returns 0, -EINVAL or -ERANGE. */
int str_to_size(const char *s, uint64_t *ret);
/* "1.5 MB" as docker prints sizes (decimal units). Writes into out[16]; returns out. */
char *str_size(uint64_t bytes, char out[16]);
/* "3 days ago" as docker prints ages. Writes into out[32]; returns out. */
char *str_ago(int64_t seconds, char out[32]);
/* "2024-01-02T03:04:05[.frac]Z|+hh:mm" -> seconds since the epoch. Returns 0 or -EINVAL. */
int str_to_time(const char *rfc3339, int64_t *ret);
/* Seconds since the epoch as "2024-01-02T03:04:05Z" into out[32]; returns out. */
char *str_time(int64_t t, char out[32]);

/* 2*len lower-case hex digits and NUL. */
void str_hex(const void *bytes, size_t len, char *out);

#define _cleanup_strv_ __attribute__((cleanup(strv_freep)))

size_t strv_len(char *const *v); /* NULL: 0 */
void strv_free(char **v);
void strv_freep(char ***v);
char **strv_copy(char *const *v); /* NULL gives an empty array */
/* Appends a copy of s to the malloced array *v (NULL: a new one). */
void strv_add(char ***v, const char *s);
/* As strv_add(), taking ownership of s. */
void strv_take(char ***v, char *s);
void strv_extend(char ***v, char *const *more);
/* Sets "KEY=VALUE" in an environment array, in place when KEY is there. */
void strv_env_set(char ***env, const char *key, const char *value);
/* The value of KEY or NULL; owned by the array. */
const char *strv_env_get(char *const *env, const char *key);
/* Splits at each sep, keeping empty fields. */
char **strv_split(const char *s, char sep);
/* Joins with sep between; malloced. */
char *strv_join(char *const *v, const char *sep);

#endif
