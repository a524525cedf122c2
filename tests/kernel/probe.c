/* What a program inside a container can reach, one line an aspect: "NAME VALUE"; the test compares
 * two runs line by line. Static, so that it runs in any root file system. For pid 1 of a container
 * only. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void status_lines(void) {
  static const char* const names[] = {
      "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "Seccomp:", "NoNewPrivs:"};
  char line[512];
  FILE* file = fopen("/proc/self/status", "re");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
      const size_t length = strlen(names[i]);
      if (strncmp(line, names[i], length) != 0) continue;
      printf("status/%.*s %s", (int)length - 1, line, line + length + strspn(line + length, "\t "));
    }
  }
  if (file != NULL) fclose(file);
}

static void answer(const char* name, long result) {
  printf("call/%s %s\n", name, result >= 0 ? "allowed" : strerrorname_np(errno));
}

/* In a child: what is allowed must not change the probe. */
static void in_child(const char* name, long number, long a, long b, long c, long d, long e) {
  int pipes[2];
  if (pipe2(pipes, O_CLOEXEC) != 0) return;
  fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    const long result = syscall(number, a, b, c, d, e, 0L);
    const int error = result < 0 ? errno : 0;
    if (write(pipes[1], &error, sizeof error) < 0) _exit(1);
    _exit(0);
  }
  close(pipes[1]);
  int error = 0;
  const int told = read(pipes[0], &error, sizeof error) == (ssize_t)sizeof error;
  close(pipes[0]);
  waitpid(pid, NULL, 0);
  errno = error;
  if (told) {
    answer(name, error == 0 ? 0 : -1);
  } else {
    printf("call/%s KILLED\n", name);
  }
}

static void calls(void) {
  in_child("socket-vsock", SYS_socket, 40, SOCK_STREAM, 0, 0, 0);
  in_child("socket-alg", SYS_socket, 38, SOCK_SEQPACKET, 0, 0, 0);
  in_child("socket-packet", SYS_socket, 17, SOCK_RAW, 0, 0, 0);
  in_child("socket-raw", SYS_socket, AF_INET, SOCK_RAW, 1, 0, 0);
  in_child("socket-audit", SYS_socket, 16, SOCK_RAW, 9, 0, 0);
  in_child("keyctl", SYS_keyctl, 0, -3, 0, 0, 0);
  in_child("add_key", SYS_add_key, (long)"user", (long)"probe", (long)"x", 1, -1);
  in_child("request_key", SYS_request_key, (long)"user", (long)"probe", 0, 0, 0);
  in_child("unshare-user", SYS_unshare, CLONE_NEWUSER, 0, 0, 0, 0);
  in_child("unshare-mount", SYS_unshare, CLONE_NEWNS, 0, 0, 0, 0);
  in_child("unshare-net", SYS_unshare, CLONE_NEWNET, 0, 0, 0, 0);
  in_child("unshare-cgroup", SYS_unshare, CLONE_NEWCGROUP, 0, 0, 0, 0);
  in_child("clone3", SYS_clone3, 0, 0, 0, 0, 0);
  in_child("mount-tmpfs", SYS_mount, (long)"t", (long)"/tmp", (long)"tmpfs", 0, 0);
  in_child("remount-proc-sys", SYS_mount, 0, (long)"/proc/sys", 0, MS_REMOUNT | MS_BIND, 0);
  in_child("remount-sys", SYS_mount, 0, (long)"/sys", 0, MS_REMOUNT | MS_BIND, 0);
  in_child("umount", SYS_umount2, (long)"/proc/kcore", 0, 0, 0, 0);
  in_child("fsopen", SYS_fsopen, (long)"tmpfs", 0, 0, 0, 0);
  in_child("open_tree", SYS_open_tree, AT_FDCWD, (long)"/", 1, 0, 0);
  in_child("move_mount", SYS_move_mount, -1, (long)"", -1, (long)"", 0);
  in_child("mount_setattr", 442, AT_FDCWD, (long)"/", 0, 0, 0);
  in_child("pivot_root", SYS_pivot_root, (long)"/", (long)"/", 0, 0, 0);
  in_child("chroot", SYS_chroot, (long)"/", 0, 0, 0, 0);
  in_child("ptrace-traceme", SYS_ptrace, 0, 0, 0, 0, 0);
  in_child("process_vm_readv", SYS_process_vm_readv, getpid(), 0, 0, 0, 0);
  in_child("kcmp", SYS_kcmp, getpid(), getpid(), 2, 0, 0);
  in_child("bpf", SYS_bpf, 0, 0, 0, 0, 0);
  in_child("perf_event_open", SYS_perf_event_open, 0, 0, -1, -1, 0);
  in_child("reboot", SYS_reboot, 0, 0, 0, 0, 0);
  in_child("kexec_load", SYS_kexec_load, 0, 99, 0, 0, 0);
  in_child("kexec_file_load", SYS_kexec_file_load, -1, -1, 0, 0, 0);
  in_child("init_module", SYS_init_module, 0, 0, (long)"", 0, 0);
  in_child("finit_module", SYS_finit_module, -1, (long)"", 0, 0, 0);
  in_child("delete_module", SYS_delete_module, (long)"no-such-module", O_NONBLOCK, 0, 0, 0);
  in_child("userfaultfd", SYS_userfaultfd, 1, 0, 0, 0, 0);
  in_child("io_uring_setup", SYS_io_uring_setup, 1, 0, 0, 0, 0);
  in_child("open_by_handle_at", SYS_open_by_handle_at, -1, 0, 0, 0, 0);
  in_child("setns", SYS_setns, -1, 0, 0, 0, 0);
  in_child("swapon", SYS_swapon, (long)"/no-such-file", 0, 0, 0, 0);
  in_child("swapoff", SYS_swapoff, (long)"/no-such-file", 0, 0, 0, 0);
  in_child("settimeofday", SYS_settimeofday, 0, 0, 0, 0, 0);
  in_child("clock_settime", SYS_clock_settime, 0, 0, 0, 0, 0);
  in_child("personality-no-randomize", SYS_personality, 0x0040000, 0, 0, 0, 0);
  in_child("acct", SYS_acct, (long)"/no-such-file", 0, 0, 0, 0);
  in_child("quotactl", SYS_quotactl, 0, 0, 0, 0, 0);
  in_child("syslog", SYS_syslog, 10, 0, 0, 0, 0);
  in_child("sethostname", SYS_sethostname, (long)"x", -1, 0, 0, 0);
  in_child("lookup_dcookie", SYS_lookup_dcookie, 0, 0, 0, 0, 0);
  in_child("move_pages", SYS_move_pages, 0, 0, 0, 0, 0);
  in_child("fanotify_init", SYS_fanotify_init, 0, 0, 0, 0, 0);
  in_child("name_to_handle_at", SYS_name_to_handle_at, AT_FDCWD, 0, 0, 0, 0);
  in_child("vhangup", SYS_vhangup, 0, 0, 0, 0, 0);
#ifdef SYS_iopl
  in_child("iopl", SYS_iopl, 3, 0, 0, 0, 0);
  in_child("ioperm", SYS_ioperm, 0x80, 1, 1, 0, 0);
#endif
  in_child("mknod-disk", SYS_mknodat, AT_FDCWD, (long)"/probe-disk", S_IFBLK | 0600, 0x800, 0);
  unlink("/probe-disk");
  in_child("unknown", 9999, 0, 0, 0, 0, 0);
}

static void paths(void) {
  static const char* const all[] = {"/proc/acpi",
                                    "/proc/asound",
                                    "/proc/interrupts",
                                    "/proc/kcore",
                                    "/proc/keys",
                                    "/proc/kmsg",
                                    "/proc/latency_stats",
                                    "/proc/sched_debug",
                                    "/proc/scsi",
                                    "/proc/timer_list",
                                    "/proc/timer_stats",
                                    "/proc/sysrq-trigger",
                                    "/proc/sys/kernel/core_pattern",
                                    "/proc/sys/kernel/hostname",
                                    "/proc/irq",
                                    "/proc/bus",
                                    "/proc/fs",
                                    "/proc/config.gz",
                                    "/sys/firmware",
                                    "/sys/fs/selinux",
                                    "/sys/fs/bpf",
                                    "/sys/kernel/debug",
                                    "/sys/kernel/tracing",
                                    "/sys/kernel/security",
                                    "/sys/dev/block",
                                    "/sys/devices/virtual/powercap",
                                    "/sys/power/state"};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    struct stat info;
    int readable = 0;
    int writable = 0;
    if (lstat(all[i], &info) == 0 && S_ISDIR(info.st_mode)) {
      DIR* dir = opendir(all[i]);
      const struct dirent* entry;
      while (dir != NULL && (entry = readdir(dir)) != NULL) readable += entry->d_name[0] != '.';
      if (dir != NULL) closedir(dir);
      readable = readable != 0;
      writable = access(all[i], W_OK) == 0;
    } else {
      const int fd = open(all[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
      char byte;
      readable = fd >= 0 && pread(fd, &byte, 1, 0) == 1;
      if (fd >= 0) close(fd);
      /* A mask is /dev/null, which swallows whatever is written. */
      const int isNull = lstat(all[i], &info) == 0 && S_ISCHR(info.st_mode);
      writable = !isNull && access(all[i], W_OK) == 0;
    }
    printf("path%s %s\n", all[i], writable ? "rw" : readable ? "r" : "-");
  }
}

/* Opened for writing and closed again: nothing is written. */
static void writable_below(const char* folder, int depth) {
  DIR* dir = depth > 24 ? NULL : opendir(folder);
  if (dir == NULL) return;
  const struct dirent* entry;
  while ((entry = readdir(dir)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path) continue;
    struct stat info;
    if (lstat(path, &info) != 0) continue;
    if (S_ISDIR(info.st_mode)) {
      writable_below(path, depth + 1);
    } else if (S_ISREG(info.st_mode)) {
      const int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
      if (fd < 0) continue;
      close(fd);
      printf("writable%s yes\n", path);
    }
  }
  closedir(dir);
}

static void descriptors(void) {
  DIR* dir = opendir("/proc/self/fd");
  const struct dirent* entry;
  while (dir != NULL && (entry = readdir(dir)) != NULL) {
    const int fd = atoi(entry->d_name);
    if (entry->d_name[0] != '.' && fd != dirfd(dir)) printf("descriptor/%d open\n", fd);
  }
  if (dir != NULL) closedir(dir);
}

static void devices(const char* folder, int depth) {
  DIR* dir = depth > 4 ? NULL : opendir(folder);
  if (dir == NULL) return;
  const struct dirent* entry;
  while ((entry = readdir(dir)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    char path[4096];
    struct stat info;
    if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path) continue;
    if (lstat(path, &info) != 0) continue;
    if (S_ISDIR(info.st_mode)) devices(path, depth + 1);
    if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) printf("device%s node\n", path);
  }
  closedir(dir);
}

/* Kernel file systems only: those of a container's own data are no door to the machine. */
static void mounts(void) {
  char line[8192];
  FILE* file = fopen("/proc/self/mountinfo", "re");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    char root[2048];
    char where[2048];
    char options[512];
    char type[64];
    const char* dash = strstr(line, " - ");
    if (dash == NULL || sscanf(line, "%*s %*s %*s %2047s %2047s %511s", root, where, options) != 3)
      continue;
    if (sscanf(dash + 3, "%63s", type) != 1) continue;
    printf("mount%s %s %s%s%s%s\n", where, type, strncmp(options, "ro", 2) == 0 ? "ro" : "rw",
           strstr(options, "nosuid") != NULL ? ",nosuid" : "",
           strstr(options, "nodev") != NULL ? ",nodev" : "",
           strstr(options, "noexec") != NULL ? ",noexec" : "");
  }
  if (file != NULL) fclose(file);
}

static void processes(void) {
  int count = 0;
  DIR* dir = opendir("/proc");
  const struct dirent* entry;
  while (dir != NULL && (entry = readdir(dir)) != NULL) count += atoi(entry->d_name) > 0;
  if (dir != NULL) closedir(dir);
  printf("processes/visible %d\n", count);
}

int main(void) {
  /* Where nothing confines it, some of these calls would change the machine. */
  if (getpid() != 1) {
    fprintf(stderr, "probe: runs as pid 1 of a container only\n");
    return 2;
  }
  status_lines();
  calls();
  paths();
  writable_below("/proc/sys", 0);
  writable_below("/sys", 0);
  descriptors();
  devices("/dev", 0);
  mounts();
  processes();
  return 0;
}
