// start, stop, restart, kill, pause, unpause, rm: a plan made from the recorded intent, carried out
// by the supervisor. They differ in the plan and in what is said when there is nothing.
#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/apply.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/objects.hpp"
#include "cli/preflight.hpp"
#include "cli/repairs.hpp"
#include "cli/signals.hpp"
#include "cli/terminal.hpp"
#include "cli/wait_healthy.hpp"
#include "executor/stack_look.hpp"

namespace cli {

namespace {

using planner::Action;
using MakePlan =
    std::function<planner::Plan(const planner::DesiredState&, const planner::ActualState&)>;

planner::DesiredState intent_of(const Recorded& recorded) {
  if (recorded.intent) return *recorded.intent;
  planner::DesiredState out;
  out.project = recorded.paths.project;
  return out;
}

Recorded look_up_checked(const Context& context, const Arguments& args) {
  Recorded recorded = look_up(context);
  if (recorded.actual.containers.empty() && !recorded.intent) {
    throw base::Error(base::cat("stack ", recorded.paths.project, " is not up"),
                      "bring it up with `stack up`");
  }
  check_services(args.names, service_names(recorded), recorded.paths.project);
  return recorded;
}

// What is still to see to when the plan has been carried out, if it was.
using Afterwards = std::function<std::vector<WaitFailure>(Progress&, Signals&)>;

int carry_out_plan(const Context& context, const Arguments& args, Recorded recorded,
                   const MakePlan& make, const Afterwards& afterwards = {}) {
  if (context.globals.dry_run) {
    const planner::Plan plan = make(intent_of(recorded), recorded.actual);
    write_text(STDOUT_FILENO, planner::to_text(plan, {context.out_colour}));
    return kDone;
  }
  require_root(args.command);
  Signals interrupts({SIGINT, SIGTERM});
  interrupts.end_at(2);
  Progress progress({context.globals.progress, context.globals.ansi});
  supervisor::ApplyOptions options;
  if (args.stop_timeout) options.stop_timeout = std::chrono::seconds(*args.stop_timeout);
  const base::ProjectPaths paths = recorded.paths;
  bool first = true;
  const auto result = carry_out(
      {context, paths, progress, options, interrupts.fd(), [&]() -> std::optional<planner::Plan> {
         if (!first) {
           auto [intent, actual] = executor::observe_with_intent(paths);
           recorded.intent = std::move(intent);
           recorded.actual = std::move(actual);
         }
         first = false;
         planner::Plan plan = make(intent_of(recorded), recorded.actual);
         if (plan.empty()) return {};
         check_ports({}, paths, {recorded.intent, plan.desired, recorded.actual, plan});
         return plan;
       }});
  std::vector<WaitFailure> unready;
  if (result.ok && afterwards && interrupts.count() == 0)
    unready = afterwards(progress, interrupts);
  progress.finish();
  if (interrupts.count() > 0) return kInterrupted;
  const int status = report(context, result, progress);
  write_text(STDERR_FILENO, describe_unready(unready, context.err_colour));
  return unready.empty() ? status : kFailed;
}

int lifecycle(const Context& context, const Arguments& args, planner::LifecycleOptions options) {
  options.services = args.names;
  return carry_out_plan(
      context, args, look_up_checked(context, args),
      [&](const planner::DesiredState& intent, const planner::ActualState& actual) {
        return planner::plan_lifecycle(intent, actual, options);
      });
}

}  // namespace

int start(const Context& context, const Arguments& args) {
  Recorded recorded = look_up_checked(context, args);
  for (const std::string& name : service_names(recorded)) {
    if (!is_selected(args.names, name) || args.names.empty()) continue;
    const bool there =
        std::any_of(recorded.actual.containers.begin(), recorded.actual.containers.end(),
                    [&](const auto& container) { return container.service == name; });
    if (!there) {
      throw base::Error(base::cat("service ", name, " has no container to start"),
                        base::cat("make one with `stack up ", name, "`"));
    }
  }
  forget_repairs(recorded.paths);
  const base::ProjectPaths paths = recorded.paths;
  const planner::DesiredState wanted = intent_of(recorded);
  Afterwards wait;
  if (args.up.wait) {
    wait = [&](Progress& progress, Signals& interrupts) {
      std::vector<std::string> names;
      for (const planner::Container& each : wanted.containers) {
        const bool replica = !each.oneoff && each.step == 0;
        if (is_selected(args.names, each.service) && replica) names.push_back(each.name);
      }
      return wait_healthy({paths, wanted, names, args.up.wait_timeout, progress, interrupts});
    };
  }
  return carry_out_plan(
      context, args, std::move(recorded),
      [&](const planner::DesiredState& intent, const planner::ActualState& actual) {
        return planner::plan_start(intent, actual, args.names);
      },
      wait);
}

int stop(const Context& context, const Arguments& args) {
  return carry_out_plan(
      context, args, look_up_checked(context, args),
      [&](const planner::DesiredState& intent, const planner::ActualState& actual) {
        return planner::plan_stop(intent, actual, args.names);
      });
}

int restart(const Context& context, const Arguments& args) {
  return lifecycle(context, args, {.action = Action::Restart, .no_deps = args.restart.no_deps});
}

int kill(const Context& context, const Arguments& args) {
  return lifecycle(context, args, {.action = Action::Signal, .signal = args.kill_signal});
}

int pause(const Context& context, const Arguments& args) {
  return lifecycle(context, args, {.action = Action::Pause});
}

int unpause(const Context& context, const Arguments& args) {
  return lifecycle(context, args, {.action = Action::Unpause});
}

int rm(const Context& context, const Arguments& args) {
  Recorded recorded = look_up_checked(context, args);
  planner::DownOptions options;
  // By name even when all are meant: networks stay, which is what sets `rm` apart from `down`.
  options.services = args.names.empty() ? service_names(recorded) : args.names;
  options.only_stopped = !args.remove.stop;
  options.anonymous_volumes = args.remove.volumes;
  const planner::Plan first = planner::plan_down(intent_of(recorded), recorded.actual, options);
  if (first.empty()) {
    write_text(STDERR_FILENO, "No stopped containers\n");
    return kDone;
  }
  if (!args.remove.force && !context.globals.dry_run) {
    std::vector<std::string> names;
    for (const planner::Step& step : first.steps) {
      if (step.kind == planner::Kind::Container) names.push_back(step.target);
    }
    if (!agreed(base::cat("Remove ", base::join(names, ", "), "?"), false)) return kFailed;
  }
  return carry_out_plan(
      context, args, std::move(recorded),
      [&](const planner::DesiredState& intent, const planner::ActualState& actual) {
        planner::Plan plan = planner::plan_down(intent, actual, options);
        plan.forget = false;
        return plan;
      });
}

}  // namespace cli
