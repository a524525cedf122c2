/* killat N WHO [-p PID]... -- COMMAND...: runs COMMAND and lets somebody die when the N-th system call is about to be
 * made by any process of ours: the command, those it starts, those named with -p, and what becomes a container until it
 * has become it. WHO: letters of c command, i stack-image, s supervisor, k keeper, x who makes that call. N 0: only
 * counts. Prints one line of JSON; ends when the command has ended.
 *
 * A tracer of our own, for strace counts for each process alone, kills only who makes the call, and would go on into
 * the containers. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kMost = 512 };
static const long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                             PTRACE_O_TRACEEXEC;

/* c, i, s, k as in WHO; y: forked by one of them and not re-executed, as what becomes a container; 0: not ours. A
 * thread is traced as its process is, and dies with it. */
struct traced {
  pid_t pid, process;
  char role;
  int in_call, dies;
};
static struct traced all[kMost];
static int count;

static struct traced* find(pid_t pid) {
  for (int i = 0; i < count; ++i)
    if (all[i].pid == pid) return &all[i];
  return NULL;
}

static pid_t process_of(pid_t thread) {
  char path[64], line[256];
  long out = thread;
  snprintf(path, sizeof path, "/proc/%d/status", thread);
  FILE* status = fopen(path, "re");
  while (status && fgets(line, sizeof line, status))
    if (sscanf(line, "Tgid: %ld", &out) == 1) break;
  if (status) fclose(status);
  return (pid_t)out;
}

static struct traced* add(pid_t pid, char role) {
  struct traced* found = find(pid);
  if (found) return found;
  if (count == kMost) exit(3);
  all[count] = (struct traced){pid, process_of(pid), role, 0, 0};
  return &all[count++];
}

static void drop(pid_t pid) {
  struct traced* found = find(pid);
  if (found) *found = all[--count];
}

static char role_of(pid_t pid) {
  char path[64], name[256] = "";
  snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read(fd, name, sizeof name - 1) < 0) return 0;
  close(fd);
  const char* slash = strrchr(name, '/');
  const char* base = slash ? slash + 1 : name;
  if (!strcmp(base, "stack")) return 'c';
  if (!strcmp(base, "stack-image")) return 'i';
  if (!strcmp(base, "stack-supervisor")) return 's';
  if (!strcmp(base, "stack-keeper")) return 'k';
  return 0;
}

static void on_alarm(int number) { (void)number; }

static void seize(pid_t pid, char role) {
  if (ptrace(PTRACE_SEIZE, pid, 0, kOptions) != 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) != 0) {
    if (errno == ESRCH || errno == EPERM) return; /* ended just now; a zombie gives EPERM */
    perror("killat: ptrace");
    exit(3);
  }
  add(pid, role);
}

/* Ends those of `who`, with all their threads, and returns when their locks are gone, too. */
static void die_with(const char* who, pid_t caller) {
  int alive = 0, status;
  for (int i = 0; i < count; ++i) {
    all[i].dies = strchr(who, all[i].role) || (strchr(who, 'x') && all[i].process == caller);
    alive += all[i].dies;
  }
  for (int i = 0; i < count; ++i)
    if (all[i].dies) kill(all[i].process, SIGKILL);
  /* In any order: a process is not done before its threads have been waited for. */
  while (alive > 0) {
    const pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0 && errno != EINTR) return;
    if (pid < 0 || (!WIFEXITED(status) && !WIFSIGNALED(status))) continue;
    const struct traced* one = find(pid);
    if (one && one->dies) --alive;
    drop(pid);
  }
}

static void trace(long n, const char* who, pid_t command) {
  long calls = 0, seen = 0;
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  while (count > 0) {
    int status;
    pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0) {
      if (errno != EINTR) break;
      if (calls == seen) break; /* nobody does anything any more */
      seen = calls;
      continue;
    }
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      drop(pid);
      if (pid == command) {
        struct itimerval often = {{0, 150000}, {0, 150000}};
        setitimer(ITIMER_REAL, &often, NULL);
      }
      continue;
    }
    struct traced* one = find(pid);
    if (!one) one = add(pid, 'y'); /* its first stop came before its parent's event */
    const int event = status >> 16, number = WSTOPSIG(status);
    int deliver = 0;
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
      unsigned long child = 0;
      ptrace(PTRACE_GETEVENTMSG, pid, 0, &child);
      struct traced* made = add((pid_t)child, 'y');
      if (made->process == one->process) made->role = one->role;
    } else if (event == PTRACE_EVENT_EXEC) {
      one->role = role_of(pid);
      if (!one->role) { /* a container's program, or somebody else's */
        ptrace(PTRACE_DETACH, pid, 0, 0);
        drop(pid);
        continue;
      }
    } else if (number == (SIGTRAP | 0x80)) {
      one->in_call = !one->in_call;
      if (one->in_call && ++calls == n) {
        struct __ptrace_syscall_info info = {0};
        ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
        printf("{\"fired\": true, \"calls\": %ld, \"call\": %llu, \"role\": \"%c\"}\n", calls,
               (unsigned long long)info.entry.nr, one->role);
        fflush(stdout);
        die_with(who, one->process);
        _exit(0); /* lets go of all the others */
      }
    } else if (event == 0) {
      deliver = number;
    } else if (event == PTRACE_EVENT_STOP && (number == SIGSTOP || number == SIGTSTP)) {
      ptrace(PTRACE_LISTEN, pid, 0, 0);
      continue;
    }
    ptrace(PTRACE_SYSCALL, pid, 0, deliver);
  }
  printf("{\"fired\": false, \"calls\": %ld}\n", calls);
  fflush(stdout);
  _exit(0);
}

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const long n = atol(argv[1]);
  int at = 3;
  pid_t others[64];
  int other_count = 0;
  for (; at + 1 < argc && !strcmp(argv[at], "-p"); at += 2)
    if (other_count < 64) others[other_count++] = atoi(argv[at + 1]);
  if (at + 1 >= argc || strcmp(argv[at], "--") != 0) return 2;
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) return 3;
  const pid_t command = fork();
  if (command == 0) {
    char byte;
    close(ready[1]); /* so that the tracer's end is seen */
    if (read(ready[0], &byte, 1) != 1) _exit(3);
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(quiet, 1);
    execv(argv[at + 1], argv + at + 1);
    _exit(3);
  }
  const pid_t tracer = fork();
  if (tracer == 0) {
    seize(command, 'y');
    for (int i = 0; i < other_count; ++i) seize(others[i], role_of(others[i]));
    if (write(ready[1], "x", 1) != 1) _exit(3);
    close(ready[0]);
    close(ready[1]);
    trace(n, argv[2], command);
  }
  close(ready[0]);
  close(ready[1]);
  int status = 0;
  waitpid(command, &status, 0);
  waitpid(tracer, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}
