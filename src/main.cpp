// Which of our processes this is. Nothing heavy before the decision: keeper and supervisor are
// re-executed from here too.
#include <cstring>

#include "cli/cli.hpp"
#include "supervisor/client.hpp"

int main(int argc, char** argv) {
  if (argc > 0 && std::strcmp(argv[0], supervisor::kKeeperName) == 0) {
    return supervisor::keeper_main(argc, argv);
  }
  if (argc > 0 && std::strcmp(argv[0], supervisor::kSupervisorName) == 0) {
    return supervisor::supervisor_main(argc, argv);
  }
  return cli::run(argc, argv);
}
