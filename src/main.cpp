// Which of our processes this is. Nothing heavy before the decision: keeper and supervisor are
// re-executed from here too.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "cli/cli.hpp"
#include "supervisor/client.hpp"

namespace {

// Started with one of them closed, the next file that is opened would take its place, and be
// written to as if it were standard output.
void fill_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) ::_exit(1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  fill_standard_descriptors();
  if (argc > 0 && std::strcmp(argv[0], supervisor::kKeeperName) == 0) {
    return supervisor::keeper_main(argc, argv);
  }
  if (argc > 0 && std::strcmp(argv[0], supervisor::kSupervisorName) == 0) {
    return supervisor::supervisor_main(argc, argv);
  }
  return cli::run(argc, argv);
}
