// Short forms of the Compose Specification that come from a command line instead of a file:
// `run -p`, `run -v`, `run --env-from-file`. The same rules, the same words when one is wrong.
// Throws base::Error; there is no place to name but the option itself.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "spec/environment.hpp"
#include "spec/stack.hpp"

namespace spec {

std::vector<Port> parse_port_words(const std::vector<std::string>& words);
// Relative paths are seen from `directory`; a volume's name must be one of the stack's.
struct MountWords {
  const std::vector<std::string>& words;
  const Stack& stack;
  std::string directory, home;
};
std::vector<Mount> parse_mount_words(const MountWords& in);
// `path` is read; variables in it are taken from `environment`.
std::map<std::string, std::string> read_env_file(const std::string& path,
                                                 const Environment& environment);

}  // namespace spec
