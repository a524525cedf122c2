// A plan as a file on disk: `plan -o` writes one, `apply` reads it and asks whether it is for this
// machine and this root. What is in it: planner/plan_file.hpp.
#pragma once

#include <string>
#include <vector>

#include "cli/context.hpp"
#include "cli/preflight.hpp"
#include "planner/plan_file.hpp"

namespace cli {

// To `path` (mode 0600, at once or not at all), or to standard output where that is "-".
// `services`: those the plan was asked for. Throws base::Error.
void save_plan(const Context& context, const Planned& planned,
               const std::vector<std::string>& services, const std::string& path);

// From `path`, or from standard input where that is "-". Throws base::Error for one that is
// damaged, of a newer program, for another root, machine, boot or, with -p, project.
planner::PlanFile load_plan(const Context& context, const std::string& path);

// A hash of what was last brought up; "": nothing was.
std::string intent_hash(const std::optional<planner::DesiredState>& recorded);

}  // namespace cli
