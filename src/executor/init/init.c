/* pid 1 of a container with `init: true`: reaps everything, passes signals on to the payload, ends with its exit
 * status. Started by become_init() (child_exec.cpp) with every signal blocked, which is what makes the kernel queue
 * them for a pid 1 without handlers, and with the payload's pid as its argument.
 * A program of its own, without the C library: what a container may look into or trace is these few instructions
 * and nothing of the supervisor's memory. Embedded by image.S, run from a sealed memfd. */
#include <asm/unistd.h>

#if defined(__x86_64__)
static long call4(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
}
__asm__(
    ".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call begin\n");
#elif defined(__aarch64__)
static long call4(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
__asm__(".globl _start\n_start:\n  mov x29, #0\n  mov x0, sp\n  bl begin\n");
#else
#error "no start code for this processor: leave it out of STACK_INIT_PROCESSORS"
#endif

enum { kSigChld = 17, kNoHang = 1, kSetName = 15 };

static _Noreturn void end(int status) {
  for (;;) call4(__NR_exit_group, status, 0, 0, 0);
}

/* `stack`: argc, then the pointers of argv, as the kernel lays them (man 2 execve, the ABI's start of a process). */
_Noreturn void begin(const long* stack) {
  const char* const* argv = (const char* const*)(stack + 1);
  const char* digit = stack[0] > 1 ? argv[1] : "";
  long payload = 0;
  for (; *digit >= '0' && *digit <= '9'; ++digit) payload = payload * 10 + (*digit - '0');
  call4(__NR_prctl, kSetName, (long)"init", 0, 0);
  const unsigned long all = ~0UL;
  for (;;) {
    const long number = call4(__NR_rt_sigtimedwait, (long)&all, 0, 0, sizeof(all));
    if (number < 0) continue;
    if (number != kSigChld) {
      call4(__NR_kill, payload, number, 0, 0);
      continue;
    }
    for (;;) { /* one SIGCHLD stands for any number of ends */
      int status = 0;
      const long pid = call4(__NR_wait4, -1, (long)&status, kNoHang, 0);
      if (pid <= 0) break;
      if (pid != payload) continue;
      if ((status & 0x7f) == 0) end((status >> 8) & 0xff);
      if ((status & 0xff) != 0x7f) end(128 + (status & 0x7f));
    }
  }
}
