// apply: carries out the plan of a file exactly as it was written, or refuses; never plans by
// itself.
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "cli/apply.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/meant.hpp"
#include "cli/plan_file.hpp"
#include "cli/repairs.hpp"
#include "cli/signals.hpp"
#include "cli/wait_healthy.hpp"
#include "image/rootfs.hpp"
#include "image/store.hpp"

namespace cli {

namespace {

Planned look_at(const planner::PlanFile& file, const base::ProjectPaths& paths) {
  return {executor::recorded_intent(paths), file.plan.desired, executor::observe(paths), file.plan};
}

// What differs from what the plan was made from, for people; empty: nothing.
std::string staleness(const planner::PlanFile& file, const Planned& planned) {
  constexpr std::size_t kShown = 3;
  std::vector<std::string> changed =
      planner::changed_facts(file.facts, planner::basis_facts(planned.actual, file.plan));
  if (file.intent != intent_hash(planned.recorded)) {
    changed.insert(changed.begin(), "something else was brought up since");
  }
  if (changed.empty() && planner::basis_of(planned.actual, file.plan) != file.plan.basis) {
    changed.emplace_back("what the kernel has is not the same");
  }
  const std::size_t count = changed.size();
  if (count > kShown) {
    changed.resize(kShown);
    changed.push_back(base::cat(count - kShown, " more"));
  }
  return base::join(changed, "; ");
}

constexpr const char* kPlanAgain = "nothing was done; make the plan again: stack plan -o FILE";

std::string stale_text(const planner::PlanFile& file, const std::string& why) {
  return base::cat("the plan is stale: the state of stack ", file.plan.project,
                   " has changed since ", file.made_at, why.empty() ? "" : ": ", why);
}

// Every image that a step makes a root file system of must be here, and the one that was planned
// with.
void check_images(const planner::Plan& plan, const base::Roots& roots) {
  for (const planner::Step& step : plan.steps) {
    if (step.kind != planner::Kind::Container ||
        (!planner::makes_run(step.action) && step.action != planner::Action::Prepare)) {
      continue;
    }
    const planner::Container& container = *plan.container(step.target);
    const image::Rootfs found = image::resolve(container.image, plan.desired.working_dir, roots,
                                               {.id = container.image_id});
    if (!container.image_id.empty() && found.id != container.image_id) {
      throw base::Error(base::cat("image ", container.image, " of ", container.name,
                                  " is another one than when the plan was made"),
                        kPlanAgain);
    }
  }
}

int carry_out_file(const Context& context, const Arguments& args, const planner::PlanFile& file,
                   const Planned& planned) {
  const base::ProjectPaths paths(context.roots, file.plan.project);
  forget_repairs(paths);
  Signals interrupts({SIGINT, SIGTERM});
  interrupts.end_at(2);
  Progress progress({context.globals.progress, context.globals.ansi});
  const std::vector<std::string> meant = containers_meant(planned, file.services);
  show_unchanged(planned, meant, progress);
  supervisor::ApplyOptions options;
  if (args.stop_timeout) options.stop_timeout = std::chrono::seconds(*args.stop_timeout);
  supervisor::ApplyResult result{.ok = true};
  if (!file.plan.empty()) {
    result = carry_out({context, paths, progress, options, interrupts.fd(),
                        [&]() -> std::optional<planner::Plan> { return file.plan; }, true});
  }
  if (result.gone) {
    result.hint = "`stack plan` shows what is left to do, `stack reconcile` does it";
  } else if (result.stale) {
    const std::string why = staleness(file, look_at(file, paths));
    result.error = stale_text(file, why.empty() ? result.error : why);
    result.hint = kPlanAgain;
  }
  std::vector<WaitFailure> unready;
  if (result.ok && args.up.wait && interrupts.count() == 0) {
    unready =
        wait_healthy({paths, planned.desired, meant, args.up.wait_timeout, progress, interrupts});
  }
  progress.finish();
  const int status = interrupts.count() > 0 ? kInterrupted : report(context, result, progress);
  write_text(STDERR_FILENO, describe_unready(unready, context.err_colour));
  return unready.empty() ? status : kFailed;
}

}  // namespace

int apply(const Context& context, const Arguments& args) {
  const planner::PlanFile file = load_plan(context, args.names.front());
  const bool dry_run = context.globals.dry_run;
  if (!dry_run) require_root("apply");
  const base::ProjectPaths paths(context.roots, file.plan.project);
  // Nobody removes an image until the plan has been carried out.
  base::Fd lease;
  if (!dry_run) lease = image::Store(context.roots).lease();
  const Planned planned = look_at(file, paths);
  if (const std::string why = staleness(file, planned); !why.empty()) {
    throw base::Error(stale_text(file, why), kPlanAgain);
  }
  if (dry_run || file.plan.empty()) {
    write_text(STDOUT_FILENO, planner::to_text(file.plan, {context.out_colour}));
    if (dry_run) return kDone;
  }
  check_images(file.plan, context.roots);
  check_obstacles({}, paths, planned);
  return carry_out_file(context, args, file, planned);
}

}  // namespace cli
