// Restart policy: whether and when a container that ended is started again. Pure.
#pragma once

#include <optional>

#include "planner/actual.hpp"
#include "spec/stack.hpp"

namespace supervisor {

struct EndFacts {
  planner::ExitState exit;
  base::Duration ran{0};
  unsigned restarts = 0;  // since it last ran long enough
  bool stopped_by_user = false;
};
// Nothing: it stays ended. Otherwise the delay: 100 ms, doubled each time, at most a minute, as
// docker has it; one that ran 10 s starts over.
std::optional<base::Duration> restart_delay(const spec::RestartPolicy& policy,
                                            const EndFacts& facts);

}  // namespace supervisor
