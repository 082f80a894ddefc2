#include "ns/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_RAISE 2
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#endif

int caps_drop_bounding(uint64_t keep, struct err *err)
{
	/* EINVAL tells the number behind the kernel's last capability. */
	for (unsigned int cap = 0; cap < 64; cap++) {
		if (keep & (1ULL << cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			break;
		return err_sys(err, errno, "cannot drop capability %u from the bounding set", cap);
	}
	/* EINVAL: Linux before 4.3 has no ambient set. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return err_sys(err, errno, "cannot clear the ambient capabilities");
	return 0;
}

static int set(uint64_t keep, uint64_t inheritable, struct err *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{
			.effective = (uint32_t)keep,
			.permitted = (uint32_t)keep,
			.inheritable = (uint32_t)inheritable,
		},
		{
			.effective = (uint32_t)(keep >> 32),
			.permitted = (uint32_t)(keep >> 32),
			.inheritable = (uint32_t)(inheritable >> 32),
		},
	};

	if (syscall(SYS_capset, &header, data) < 0)
		return err_sys(err, errno, "cannot set the capabilities to %#llx",
			       (unsigned long long)keep);
	return 0;
}

int caps_set(uint64_t keep, struct err *err)
{
	return set(keep, 0, err);
}

int caps_keep_over_exec(uint64_t keep, struct err *err)
{
	int r = caps_drop_bounding(keep, err);

	if (r == 0)
		r = set(keep, keep, err);
	for (unsigned int cap = 0; r == 0 && cap < 64; cap++) {
		if (keep & (1ULL << cap) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			r = err_sys(err, errno, "cannot keep capability %u over an exec", cap);
	}
	return r;
}

bool caps_have(unsigned int cap)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	return (data[cap / 32].effective >> (cap % 32)) & 1;
}
