// What a program inside can reach, call by call: as tight as podman's default or tighter.
#include "kernel/executor_sandbox.hpp"

namespace {

class Audit : public test::Sandbox {};

// Tries calls by number and prints "name errno" (0: allowed). Arguments make an allowed call
// harmless.
constexpr const char* kProbe = R"(
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(name, number, *args):
    ctypes.set_errno(0)
    r = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in args])
    print(name, ctypes.get_errno() if r == -1 else 0)
call('socket-inet', 41, 2, 1, 0)
call('socket-unix', 41, 1, 1, 0)
call('socket-netlink', 41, 16, 3, 0)
call('socket-alg', 41, 38, 5, 0)
call('socket-vsock', 41, 40, 1, 0)
call('socket-vsock-wide', 41, 0x100000028, 1, 0)
call('socket-alg-wide', 41, 0x100000026, 5, 0)
call('socket-audit', 41, 16, 3, 9)
call('socket-audit-wide', 41, 16, 3, 0x100000009)
call('socket-generic', 41, 16, 3, 16)
call('unshare-user', 272, 0x10000000)
call('unshare-fs', 272, 0x200)
call('clone-user', 56, 0x10000000 | 0x80000000, 0, 0, 0, 0) if False else None
call('clone3', 435, 0, 0)
call('mount', 165, 0, 0, 0, 0, 0)
call('umount2', 166, 0, 0)
call('pivot_root', 155, 0, 0)
call('setns', 308, -1, 0)
call('bpf', 321, 0, 0, 0)
call('reboot', 169, 0, 0, 0, 0)
call('keyctl', 250, 0, 0, 0, 0, 0)
call('add_key', 248, 0, 0, 0, 0, 0)
call('request_key', 249, 0, 0, 0, 0)
call('io_uring_setup', 425, 1, 0)
call('userfaultfd', 323, 0)
call('perf_event_open', 298, 0, 0, 0, 0, 0)
call('init_module', 175, 0, 0, 0)
call('kexec_load', 246, 0, 0, 0, 0)
call('swapon', 167, 0, 0)
call('settimeofday', 164, 0, 0)
call('open_by_handle_at', 304, -1, 0, 0)
call('personality-query', 135, 0xffffffff)
call('personality-read-implies-exec', 135, 0x0400000)
call('unknown', 9999)
call('hole', 400)
call('x32', 0x40000000)
)";

TEST_F(Audit, RefusesWhatPodmanRefuses) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "the probe has the numbers of x86_64";
#endif
  if (!base::exists("/usr/bin/python3")) GTEST_SKIP() << "the probe needs python3";
  const test::Result result = run({"python3", "-c", kProbe});
  ASSERT_FALSE(result.failure) << result.failure->text;
  struct Expected {
    const char* name;
    int errnum;
  };
  for (const Expected& one : std::vector<Expected>{{"socket-inet", 0},
                                                   {"socket-unix", 0},
                                                   {"socket-netlink", 0},
                                                   {"socket-alg", EPERM},
                                                   {"socket-vsock", EPERM},
                                                   {"socket-vsock-wide", EPERM},
                                                   {"socket-alg-wide", EPERM},
                                                   {"socket-audit", EPERM},
                                                   {"socket-audit-wide", EPERM},
                                                   {"socket-generic", 0},
                                                   {"unshare-user", EPERM},
                                                   {"unshare-fs", 0},
                                                   {"clone3", ENOSYS},
                                                   {"mount", EPERM},
                                                   {"umount2", EPERM},
                                                   {"pivot_root", EPERM},
                                                   {"setns", EPERM},
                                                   {"bpf", EPERM},
                                                   {"reboot", EPERM},
                                                   {"keyctl", EPERM},
                                                   {"add_key", EPERM},
                                                   {"request_key", EPERM},
                                                   {"io_uring_setup", EPERM},
                                                   {"userfaultfd", EPERM},
                                                   {"perf_event_open", EPERM},
                                                   {"init_module", EPERM},
                                                   {"kexec_load", EPERM},
                                                   {"swapon", EPERM},
                                                   {"settimeofday", EPERM},
                                                   {"open_by_handle_at", EPERM},
                                                   {"personality-query", 0},
                                                   {"personality-read-implies-exec", EPERM},
                                                   {"unknown", ENOSYS},
                                                   {"hole", ENOSYS},
                                                   {"x32", ENOSYS}}) {
    EXPECT_NE(result.output.find(base::cat(one.name, " ", one.errnum, "\n")), std::string::npos)
        << "expected " << one.name << " " << one.errnum << " in\n"
        << result.output;
  }
}

}  // namespace
