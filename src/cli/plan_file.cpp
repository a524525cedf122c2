#include "cli/plan_file.hpp"

#include <unistd.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "cli/output_file.hpp"
#include "cli/terminal.hpp"
#include "executor/world.hpp"

namespace cli {

std::string intent_hash(const std::optional<planner::DesiredState>& recorded) {
  if (!recorded) return {};
  return base::short_hash(planner::compact_json(*recorded, planner::kPlanFileVersion), 16);
}

void save_plan(const Context& context, const Planned& planned,
               const std::vector<std::string>& services, const std::string& path) {
  planner::PlanFile file;
  file.made_by = STACK_VERSION;
  file.made_at = base::rfc3339(std::chrono::system_clock::now());
  file.root = context.roots.data;
  file.boot = base::boot_id();
  file.intent = intent_hash(planned.recorded);
  file.services = services;
  file.facts = planner::basis_facts(planned.actual, planned.plan);
  file.plan = planned.plan;
  const std::string text = planner::write_plan_file(std::move(file));
  if (path == "-") {
    write_text(STDOUT_FILENO, text);
    return;
  }
  write_output(context, path, text, {.mode = 0600, .durable = true});
}

planner::PlanFile load_plan(const Context& context, const std::string& path) {
  const bool from_input = path == "-";
  const std::string name = from_input ? "standard input" : path;
  const std::string text =
      from_input
          ? base::sys::read_all(STDIN_FILENO, name, planner::kPlanFileLimit + 1)
          : base::read_file(base::absolute_path(context.cwd, path), planner::kPlanFileLimit + 1);
  planner::PlanFile file = planner::read_plan_file(text, name);
  const std::string again = "make the plan again: stack plan -o FILE";
  if (file.root != context.roots.data) {
    throw base::Error(base::cat(name, ": the plan is for stacks under ", file.root,
                                ", not for those under ", context.roots.data),
                      "see --root and STACK_ROOT");
  }
  if (file.boot != base::boot_id()) {
    throw base::Error(
        base::cat(name, ": the plan was made on another machine, or before this one was restarted"),
        again);
  }
  const std::string& asked = context.globals.project_name;
  if (!asked.empty() && asked != file.plan.project) {
    throw base::Error(
        base::cat(name, ": the plan is for project ", file.plan.project, ", not for ", asked));
  }
  const base::ProjectPaths paths = checked_paths(context.roots, file.plan.project);
  try {
    planner::check_plan(file.plan, executor::Names(paths));
  } catch (const base::Error& error) {
    throw base::Error(base::cat(name, ": ", error.what()), again);
  }
  return file;
}

}  // namespace cli
