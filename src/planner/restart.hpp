// Restart policy: whether and when a container that ended is started again. The supervisor acts by
// it, `reconcile` plans by it, `up --wait` judges by it. Pure; must not know how one is started.
#pragma once

#include <optional>

#include "planner/actual.hpp"
#include "spec/stack.hpp"

namespace planner {

struct EndFacts {
  ExitState exit;
  base::Duration ran{0};
  unsigned restarts = 0;  // since it last ran long enough
  bool stopped_by_user = false;
};
// Nothing: it stays ended. Otherwise the delay: 100 ms, doubled each time, at most a minute, as
// docker has it; one that ran 10 s starts over.
std::optional<base::Duration> restart_delay(const spec::RestartPolicy& policy,
                                            const EndFacts& facts);

// A container that has ended and is to stay so: by its policy, or because somebody stopped it.
bool stays_ended(const spec::RestartPolicy& policy, const ActualContainer& found);

}  // namespace planner
