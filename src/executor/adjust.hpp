// adjust_running(): what the kernel lets be changed about processes that run already: resource
// limits, the score of the out-of-memory killer, variables of their network namespace. Limits of
// the group are cgroup.hpp's. Must not know plans.
#pragma once

#include <string>

#include "planner/desired.hpp"

namespace executor {

struct RunningContainer {
  std::string cgroup;  // where its processes are
  std::string netns;   // path of its network namespace; empty: the machine's own
};
// Brings every process inside from `before` to `after`, where the two differ. Throws base::Error
// naming the value that the kernel refuses; raising a hard limit needs CAP_SYS_RESOURCE. Processes
// that start while it works are caught by a second look.
void adjust_running(const planner::Container& before, const planner::Container& after,
                    const RunningContainer& where);

}  // namespace executor
