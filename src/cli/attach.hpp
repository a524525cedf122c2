// A foreground `up` after everything has been started: logs until all has ended or Ctrl-C; the
// first stops the stack, the second kills it, the third lets go.
#pragma once

#include "cli/context.hpp"
#include "cli/follow.hpp"
#include "cli/preflight.hpp"
#include "cli/signals.hpp"

namespace cli {

// Before the plan is carried out: from here on, the logs of containers that it does not make anew
// are news.
void mark_log_ends(LogFollower& logs, const Planned& planned);

int attach(const Context& context, const base::ProjectPaths& paths,
           const std::vector<std::string>& services, LogFollower& logs, Signals& interrupts);

// One plan as JSON, ending with a newline.
std::string plan_json(const planner::Plan& plan);

}  // namespace cli
