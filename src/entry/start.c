/* The first instruction, for the processors whose calling convention we know: the kernel leaves
 * argc, argv and envp on the stack (System V ABI; AAPCS64). Elsewhere the static C library starts
 * main(). */
#include "entry/entry.h"

#if ENTRY_FREESTANDING

/* Called from _start only. */
void entry_begin(long *stack);

__attribute__((used)) void entry_begin(long *stack)
{
	char **argv = (char **)(stack + 1);

	entry_main((int)stack[0], argv, argv + stack[0] + 1);
}

#if defined(__x86_64__)
__asm__(".text\n"
	".globl _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call entry_begin\n"
	"	hlt\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl _start\n"
	".type _start, %function\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	mov x0, sp\n"
	"	bl entry_begin\n"
	"	brk #0\n");
#else
#error "configure set ENTRY_FREESTANDING for a processor that has no _start here"
#endif

/* The compiler may turn a loop or an assignment into a call of these. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memset(void *dst, int c, size_t n);

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	volatile char *d = dst;
	const char *s = src;

	while (n-- > 0)
		*d++ = *s++;
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	volatile char *d = dst;

	while (n-- > 0)
		*d++ = (char)c;
	return dst;
}

#else

int main(int argc, char **argv, char **envp)
{
	entry_main(argc, argv, envp);
}

#endif
