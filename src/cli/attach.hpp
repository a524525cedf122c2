// A foreground `up`: whose logs it shows, whose end ends it. After everything has been started:
// logs until all has ended, one ended that ends all, or Ctrl-C; the first stops the stack, the
// second kills it, the third lets go.
#pragma once

#include "cli/context.hpp"
#include "cli/follow.hpp"
#include "cli/preflight.hpp"
#include "cli/signals.hpp"

namespace cli {

// Before the plan is carried out: from here on, the logs of containers that it does not make anew
// are news.
void mark_log_ends(LogFollower& logs, const Planned& planned);

// What --attach, --no-attach, --attach-dependencies and `attach:` of the file make of the services
// named, as docker compose has it (cmd/compose/up.go, runUp). Throws base::Error for services that
// are not brought up. Pure.
LogFollower::Options foreground_options(const Context& context, const Arguments& args,
                                        const spec::Stack& stack);

struct Foreground {
  const Context& context;
  const Arguments& args;
  const base::ProjectPaths& paths;
  LogFollower& logs;
  Signals& interrupts;
};
// The exit status: that of the service that was named for it or of who ended all; 130 when
// interrupted.
int attach(const Foreground& what);

// One plan as JSON, ending with a newline.
std::string plan_json(const planner::Plan& plan);

}  // namespace cli
