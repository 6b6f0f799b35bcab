/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the worker gives up root.  See monitor.h.
 *
 * The system call filter is a list of what a network process never needs, not of what it
 * needs: libc and OpenSSL of every distribution keep working, and what is gone is what
 * turns a bug into a foothold (programs, other processes' memory, mounts, modules).
 */
#include "agent/monitor.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/sanitized.h"
#include "base/log.h"

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef FILTER_ARCH
static const int forbidden[] = { SYS_execve, SYS_execveat, SYS_ptrace,
	SYS_process_vm_readv, SYS_process_vm_writev, SYS_mount, SYS_umount2,
	SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns, SYS_init_module,
	SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_bpf, SYS_perf_event_open,
	SYS_keyctl, SYS_add_key, SYS_request_key, SYS_swapon, SYS_reboot, SYS_userfaultfd,
	SYS_open_by_handle_at, SYS_mknodat };

enum { FILTER_MAX = ARRAY_LEN(forbidden) + 8 };

static int
filter(void)
{
	struct sock_filter code[FILTER_MAX];
	struct sock_fprog prog = { .filter = code };
	unsigned short n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(
	    BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	code[n++] =
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0);
	code[n++] =
	    (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[n++] = (struct sock_filter)BPF_STMT(
	    BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__ /* the x32 calls have the same numbers and this bit */
	code[n++] = (struct sock_filter)BPF_JUMP(
	    BPF_JMP | BPF_JGE | BPF_K, 0x40000000, ARRAY_LEN(forbidden) + 1, 0);
#endif
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
		unsigned char to_refusal = (unsigned char)(ARRAY_LEN(forbidden) - i);

		code[n++] = (struct sock_filter)BPF_JUMP(
		    BPF_JMP | BPF_JEQ | BPF_K, (unsigned)forbidden[i], to_refusal, 0);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] =
	    (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	prog.len = n;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}
#else
static int
filter(void)
{
	errno = ENOSYS;
	return -1;
}
#endif

int
monitor_drop_privileges(struct fault *f)
{
	struct agent_user u;
	gid_t none;

	if (agent_user_find(&u, "sallyport-agent", NULL) != 0 &&
	    agent_user_find(&u, "nobody", f) != 0)
		return f->code;
	if (u.uid == 0 || u.gid == 0)
		return fault_set(f, ERR_DENIED, "user %s is root", u.name);
	none = u.gid;
	if (chdir("/") == -1 || setgroups(1, &none) == -1 ||
	    setresgid(u.gid, u.gid, u.gid) == -1 || setresuid(u.uid, u.uid, u.uid) == -1)
		return fault_set(f, err_from_errno(errno), "cannot become user %s: %s",
		    u.name, strerror(errno));
	if (setuid(0) != -1 || setgid(0) != -1)
		return fault_set(f, ERR_INTERNAL, "root can be had back");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0) == -1)
		return fault_set(f, ERR_INTERNAL, "no_new_privs: %s", strerror(errno));
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (SANITIZED) /* the leak checker traces its own process */
		return 0;
	if (prctl(PR_SET_DUMPABLE, 0) == -1 || filter() == -1)
		log_warn("no system call filter", "why=%s", log_q(strerror(errno)));
	return 0;
}
