// What a keeper passes to the program it becomes when `stack` was upgraded: descriptors by number,
// exits not yet forgotten, the supervisor's pid; as lines of text in a memory file. Lines that a
// newer or older program does not know are skipped.
#pragma once

#include <sys/types.h>

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "executor/container_state.hpp"

namespace supervisor {

using HeldDescriptors = std::map<std::string, std::vector<base::Fd>>;

struct KeeperState {
  pid_t supervisor = 0;
  const HeldDescriptors& held;
  const std::deque<executor::ExitRecord>& exits;
};
struct KeeperInheritance {
  pid_t supervisor = 0;
  HeldDescriptors held;  // close-on-exec again
  std::deque<executor::ExitRecord> exits;
};

// At its beginning, close-on-exec. Throws base::Error.
base::Fd write_keeper_state(const KeeperState& state);
// Takes ownership of the descriptors that it names.
KeeperInheritance read_keeper_state(const base::Fd& file);

}  // namespace supervisor
