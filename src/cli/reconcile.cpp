// reconcile: one pass that makes what runs equal what was last brought up. For cron and timers:
// silent when nothing is to do, a line a repair, bounded in time.
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/apply.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/terminal.hpp"
#include "executor/look.hpp"
#include "executor/observe.hpp"

namespace cli {

namespace {

// Readable after so many seconds: ends a pass as Ctrl-C would.
base::Fd deadline(unsigned seconds) {
  base::Fd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer) base::throw_errno("timerfd_create");
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(seconds);
  if (::timerfd_settime(timer.get(), 0, &when, nullptr) != 0) base::throw_errno("timerfd_settime");
  return timer;
}

std::string repair_line(const std::string& project, const planner::Step& step) {
  std::vector<std::string> reasons;
  for (const planner::Reason& reason : step.reasons) reasons.push_back(reason.text);
  return base::cat(project, ": ", planner::describe(step), ": ", base::join(reasons, ", "), "\n");
}

bool is_among(const std::vector<executor::StepEvent>& events, const planner::Step& step) {
  return std::any_of(events.begin(), events.end(), [&](const executor::StepEvent& event) {
    return event.kind == step.kind && event.target == step.target;
  });
}

int reconcile_one(const Context& context, const base::ProjectPaths& paths, unsigned seconds) {
  Progress progress({ProgressMode::Quiet, context.globals.ansi});
  const base::Fd end = deadline(seconds);
  planner::Plan plan;
  const auto result =
      carry_out({context, paths, progress, {}, end.get(), [&]() -> std::optional<planner::Plan> {
                   const auto intent = executor::recorded_intent(paths);
                   if (!intent) return {};
                   planner::ActualState actual = executor::observe(paths);
                   executor::look_closer(actual, *intent, paths);
                   planner::Plan next = planner::plan_reconcile(*intent, actual);
                   if (next.empty()) return {};
                   plan = next;
                   return next;
                 }});
  std::string lines;
  for (const planner::Step& step : plan.steps) {
    if (is_among(progress.failures(), step) || is_among(progress.skipped(), step)) continue;
    if (result.ok || !result.stale) lines += repair_line(paths.project, step);
  }
  write_text(STDOUT_FILENO, lines);
  return report(context, result, progress);
}

}  // namespace

int reconcile(const Context& context, const Arguments& args) {
  require_root("reconcile");
  if (!args.reconcile.all) {
    return reconcile_one(context, context.project(), args.reconcile.timeout);
  }
  int status = kDone;
  for (const executor::KnownStack& stack : executor::known_stacks(context.roots)) {
    const base::ProjectPaths paths(context.roots, stack.project);
    try {
      if (reconcile_one(context, paths, args.reconcile.timeout) != kDone) status = kFailed;
    } catch (const base::Error& error) {
      write_text(STDERR_FILENO, render_error(base::cat("stack ", stack.project, ": ", error.what()),
                                             error.hint(), context.err_colour));
      status = kFailed;
    }
  }
  return status;
}

}  // namespace cli
