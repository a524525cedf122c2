// What the end of a container means to a foreground `up`: it comes back, it is over, or all are
// stopped because of it (--abort-on-container-exit, --abort-on-container-failure). Pure.
#pragma once

#include <cstdint>

#include "cli/arguments.hpp"
#include "planner/actual.hpp"
#include "planner/desired.hpp"

namespace cli {

enum class AbortOn : std::uint8_t { Nothing, Exit, Failure };
AbortOn abort_on(const UpArgs& args);

// It has ended and its policy starts it again; the supervisor may not have come to it yet. One that
// the supervisor has given up says so in `error`.
bool will_restart(const spec::RestartPolicy& policy, const planner::ActualContainer& actual);

enum class Ending : std::uint8_t { Restarts, Over, EndsAll };
// Of a container that has ended. One that others wait for with service_completed_successfully, and
// that did so, has done its part: it ends nothing.
Ending judge_ending(const planner::DesiredState& desired, const planner::ActualContainer& actual,
                    AbortOn on);

}  // namespace cli
