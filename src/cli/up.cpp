#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "cli/apply.hpp"
#include "cli/attach.hpp"
#include "cli/commands.hpp"
#include "cli/ensure_images.hpp"
#include "cli/errors.hpp"
#include "cli/meant.hpp"
#include "cli/plan_file.hpp"
#include "cli/preflight.hpp"
#include "cli/repairs.hpp"
#include "cli/wait_healthy.hpp"
#include "image/store.hpp"
#include "planner/pre_start.hpp"

namespace cli {

namespace {

planner::DiffOptions diff_options(const Arguments& args) {
  planner::DiffOptions out;
  out.services = args.names;
  out.no_deps = args.up.no_deps;
  out.force_recreate = args.up.force_recreate;
  out.recreate_dependencies = args.up.recreate_dependencies;
  out.renew_volumes = args.up.renew_volumes;
  out.no_recreate = args.up.no_recreate;
  out.no_start = args.up.no_start;
  out.remove_orphans = args.up.remove_orphans;
  return out;
}

// Those that the command brings up; empty: all.
std::vector<std::string> services_meant(const spec::Loaded& loaded, const Arguments& args) {
  return args.up.no_deps || args.names.empty() ? planner::with_steps(loaded.stack, args.names)
                                               : with_dependencies(loaded.stack, args.names);
}

void apply_scale(spec::Stack& stack, const std::map<std::string, unsigned>& scale) {
  std::vector<std::string> names;
  for (const auto& entry : scale) names.push_back(entry.first);
  check_services(names, service_names(stack), stack.name);
  for (const auto& entry : scale) {
    spec::Service& service = stack.services.at(entry.first);
    if (entry.second > 1 && !service.container_name.empty()) {
      throw base::Error(base::cat("service ", entry.first, " cannot have ", entry.second,
                                  " replicas: container_name gives it one name"),
                        base::cat("remove container_name at ", stack.describe(service.place)));
    }
    service.replicas = entry.second;
  }
}

// The file, and a look at what is there of its stack that has begun meanwhile.
struct Read {
  spec::Loaded loaded;
  std::unique_ptr<executor::StackLook> look;
};

Read read_for(const Context& context, const Arguments& args) {
  Read out;
  spec::LoadOptions options = context.load_options();
  options.on_likely_name = [&](const std::string& name) {
    out.look = std::make_unique<executor::StackLook>(base::ProjectPaths(context.roots, name));
  };
  options.wanted = args.names;
  for (const auto& entry : args.up.scale) options.wanted.push_back(entry.first);
  out.loaded = context.load_and_warn(options);
  spec::Loaded& loaded = out.loaded;
  check_services(args.names, service_names(loaded.stack), loaded.stack.name);
  if (args.up.build) refuse_build(loaded, services_meant(loaded, args));
  apply_scale(loaded.stack, args.up.scale);
  planner::add_steps(loaded.stack);
  return out;
}

void warn_of_orphans(const Context& context, const planner::Plan& plan) {
  if (plan.orphans.empty()) return;
  write_text(
      STDERR_FILENO,
      base::cat("stack: ", paint("warning:", Colour::Yellow, context.err_colour),
                " containers of services that the file has no longer: ",
                base::join(plan.orphans, ", "), "\n  hint: --remove-orphans removes them\n"));
}

base::Fd hold_images(const Context& context, const spec::Loaded& loaded, const Arguments& args) {
  EnsureImages options;
  options.pull = args.up.pull;
  options.quiet = args.up.quiet_pull || context.globals.progress == ProgressMode::Quiet;
  options.services = services_meant(loaded, args);
  ensure_images(context, loaded, options);
  return image::Store(context.roots).lease();
}

int print_plan(const Context& context, const Arguments& args) {
  Read read = read_for(context, args);
  const base::ProjectPaths paths(context.roots, read.loaded.stack.name);
  const planner::DiffOptions options = diff_options(args);
  const Planned planned = make_plan({read.loaded, paths, options}, std::move(read.look));
  if (!args.plan.out.empty()) save_plan(context, planned, args.names, args.plan.out);
  if (args.plan.out == "-") {
    // Nothing but the plan.
  } else if (args.format == "json") {
    write_text(STDOUT_FILENO, plan_json(planned.plan));
  } else {
    write_text(STDOUT_FILENO, planner::to_text(planned.plan, {context.out_colour}));
    warn_of_orphans(context, planned.plan);
  }
  return args.plan.detailed_exitcode && !planned.plan.empty() ? kChangesPending : kDone;
}

}  // namespace

int plan(const Context& context, const Arguments& args) {
  return print_plan(context, args);
}

// Only the named services get another number; what they depend on is brought up too, as with `up`.
int scale(const Context& context, const Arguments& args) {
  Arguments as_up = args;
  as_up.up.detach = true;
  for (const auto& entry : args.up.scale) as_up.names.push_back(entry.first);
  return up(context, as_up);
}

// As `up --no-start`, which docker compose has as well.
int create_containers(const Context& context, const Arguments& args) {
  Arguments as_up = args;
  as_up.up.detach = as_up.up.no_start = true;
  return up(context, as_up);
}

namespace {

// What recreation was asked for concerns those that are there now: where the plan has to be made
// again, what has been made meanwhile is not made anew once more.
void remember_made(planner::DiffOptions& diff, const planner::ActualState& actual) {
  if (diff.recreate_seen) return;
  diff.recreate_seen.emplace();
  for (const planner::ActualContainer& each : actual.containers) {
    diff.recreate_seen->emplace(each.name, each.created_at);
  }
}

class BringingUp {
 public:
  BringingUp(const Context& context, const Arguments& args, Read read, LogFollower::Options logs)
      : context_(context),
        args_(args),
        loaded_(std::move(read.loaded)),
        look_(std::move(read.look)),
        paths_(context.roots, loaded_.stack.name),
        interrupts_({SIGINT, SIGTERM}),
        logs_(paths_, judging(std::move(logs))) {
    // The first one cancels, in the foreground the second one kills.
    interrupts_.end_at(args.up.detach ? 2 : 3);
  }

  // `lease`: nobody removes an image until the plan has been carried out.
  int run(base::Fd lease) {
    forget_repairs(paths_);
    const int status = carry_out_plan(std::move(lease));
    if (args_.up.detach) return interrupts_.count() > 0 ? kInterrupted : status;
    const Foreground foreground{context_, args_, paths_, logs_, interrupts_};
    if (status == kDone || interrupts_.count() > 0) return attach(foreground);
    // Who has ended already may be why.
    if (!logs_.look_for_ends()) return status;
    const int ended_with = attach(foreground);
    return ended_with == kDone ? status : ended_with;
  }

 private:
  LogFollower::Options judging(LogFollower::Options options) {
    options.judge = [this](const planner::ActualContainer& container) {
      return judge_ending(planned_.desired, container, abort_on(args_.up));
    };
    return options;
  }

  int carry_out_plan(base::Fd lease) {
    Progress progress({context_.globals.progress, context_.globals.ansi});
    supervisor::ApplyOptions options;
    if (args_.stop_timeout) options.stop_timeout = std::chrono::seconds(*args_.stop_timeout);
    planner::DiffOptions diff = diff_options(args_);
    const auto make = [&]() -> std::optional<planner::Plan> {
      planned_ = make_plan({loaded_, paths_, diff}, std::move(look_));
      check_obstacles(loaded_, paths_, planned_);
      if (!diff.recreate_seen) {
        meant_ = containers_meant(planned_, args_.names);
        show_unchanged(planned_, meant_, progress);
        if (!args_.up.detach) mark_log_ends(logs_, planned_);
      }
      remember_made(diff, planned_.actual);
      if (!planned_.plan.empty()) return planned_.plan;
      return {};
    };
    const supervisor::ApplyResult result =
        carry_out({context_, paths_, progress, options, interrupts_.fd(), make});
    std::vector<WaitFailure> unready;
    if (result.ok && args_.up.wait && interrupts_.count() == 0) {
      unready = wait_healthy(
          {paths_, planned_.desired, meant_, args_.up.wait_timeout, progress, interrupts_});
    }
    lease.reset();
    progress.finish();
    warn_of_orphans(context_, planned_.plan);
    if (interrupts_.count() > 0) return kDone;
    const int status = report(context_, result, progress);
    write_text(STDERR_FILENO, describe_unready(unready, context_.err_colour));
    return unready.empty() ? status : kFailed;
  }

  const Context& context_;
  const Arguments& args_;
  const spec::Loaded loaded_;
  std::unique_ptr<executor::StackLook> look_;  // for the first plan
  base::ProjectPaths paths_;
  Signals interrupts_;
  Planned planned_;
  std::vector<std::string> meant_;
  LogFollower logs_;
};

}  // namespace

int up(const Context& context, const Arguments& args) {
  if (context.globals.dry_run) return print_plan(context, args);
  Read read = read_for(context, args);
  require_root("up");
  LogFollower::Options logs = foreground_options(context, args, read.loaded.stack);
  // Before anything is changed.
  base::Fd lease = hold_images(context, read.loaded, args);
  return BringingUp(context, args, std::move(read), std::move(logs)).run(std::move(lease));
}

}  // namespace cli
