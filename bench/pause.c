// Pid 1 of every container of the benchmarks: static, small, does nothing.
#include <unistd.h>

int main(void) {
  for (;;) pause();
}
