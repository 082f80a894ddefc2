/* sys: the few system calls of strake-entry, by number, without a C library where we know how. Each
 * returns what the kernel returns: a value >= 0 or a negative errno. */
#ifndef STRAKE_ENTRY_SYS_H
#define STRAKE_ENTRY_SYS_H

#include <asm/unistd.h>
#include <stddef.h>

#if ENTRY_FREESTANDING && defined(__x86_64__)

static inline long sys_call(long nr, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

#elif ENTRY_FREESTANDING && defined(__aarch64__)

static inline long sys_call(long nr, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}

#else

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline long sys_call(long nr, long a, long b, long c, long d, long e)
{
	const long ret = syscall(nr, a, b, c, d, e);

	return ret < 0 ? -errno : ret;
}

#endif

#endif
