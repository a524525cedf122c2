/* What the services of the crash tests run: /once FOLDER. Takes the lock FOLDER/HOSTNAME.lock, which the kernel
 * gives back only when its last process has gone; one that finds it taken is a second copy of the same container and
 * leaves FOLDER/HOSTNAME.twice. Every start is counted in FOLDER/HOSTNAME.starts. Ends at SIGTERM. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static int make(const char* folder, const char* name, const char* kind, int flags) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%s.%s", folder, name, kind);
  return open(path, O_CREAT | O_WRONLY | O_CLOEXEC | flags, 0644);
}

static void on_term(int number) {
  (void)number;
  _exit(0);
}

int main(int argc, char** argv) {
  char name[HOST_NAME_MAX + 1] = "";
  if (argc != 2 || gethostname(name, sizeof name - 1) != 0) return 2;
  signal(SIGTERM, on_term);
  int lock = make(argv[1], name, "lock", 0);
  if (lock < 0) return 3;
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    make(argv[1], name, "twice", O_TRUNC);
    return 4;
  }
  int starts = make(argv[1], name, "starts", O_APPEND);
  if (starts < 0 || write(starts, "x", 1) != 1) return 5;
  for (;;) pause();
}
