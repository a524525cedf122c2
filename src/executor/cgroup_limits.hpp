// The limits of one group, written and read back: v1 and v2 files from the same spec::Limits.
// Internal to the cgroup files.
#pragma once

#include <string>

#include "executor/cgroup.hpp"

namespace executor {

struct LimitTarget {
  std::string path;    // relative
  bool fresh = false;  // just made: nothing to undo
};
// Throws base::Error naming the limit, the value and the file.
void apply_limits(const LimitTarget& target, const spec::Limits& limits);

// Directory of the group in the hierarchy of `controller`, or empty when there is none.
std::string controller_dir(const std::string& path, const std::string& controller);

}  // namespace executor
