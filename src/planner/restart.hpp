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
  bool unhealthy =
      false;  // ended by us, because its health check failed and a restart was asked for
};
// Whether it counts as started well: counters of failed tries begin anew. deploy.restart_policy's
// window, else 10 s as docker has it.
bool ran_long_enough(const spec::RestartPolicy& policy, base::Duration ran);
// Nothing: it stays ended. Otherwise the delay: that of deploy.restart_policy, else 100 ms, doubled
// each time, at most a minute, as docker has it; one that ran long enough starts over.
std::optional<base::Duration> restart_delay(const spec::RestartPolicy& policy,
                                            const EndFacts& facts);

// A container that has ended and is to stay so: by its policy, or because somebody stopped it.
bool stays_ended(const spec::RestartPolicy& policy, const ActualContainer& found);

}  // namespace planner
