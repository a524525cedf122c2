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

namespace cli {

namespace {

planner::DiffOptions diff_options(const Arguments& args) {
  planner::DiffOptions out;
  out.services = args.names;
  out.no_deps = args.up.no_deps;
  out.force_recreate = args.up.force_recreate;
  out.no_recreate = args.up.no_recreate;
  out.no_start = args.up.no_start;
  out.remove_orphans = args.up.remove_orphans;
  return out;
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

spec::Loaded load_for(const Context& context, const Arguments& args) {
  spec::LoadOptions options = context.load_options();
  options.wanted = args.names;
  for (const auto& entry : args.up.scale) options.wanted.push_back(entry.first);
  spec::Loaded loaded = context.load_and_warn(options);
  check_services(args.names, service_names(loaded.stack), loaded.stack.name);
  apply_scale(loaded.stack, args.up.scale);
  return loaded;
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
  options.services = args.up.no_deps || args.names.empty()
                         ? args.names
                         : with_dependencies(loaded.stack, args.names);
  ensure_images(context, loaded, options);
  return image::Store(context.roots).lease();
}

int print_plan(const Context& context, const Arguments& args) {
  const spec::Loaded loaded = load_for(context, args);
  const base::ProjectPaths paths(context.roots, loaded.stack.name);
  const Planned planned = make_plan(loaded, paths, diff_options(args));
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

int up(const Context& context, const Arguments& args) {
  if (context.globals.dry_run) return print_plan(context, args);
  const spec::Loaded loaded = load_for(context, args);
  require_root("up");
  const base::ProjectPaths paths(context.roots, loaded.stack.name);
  // Before anything is changed; and nobody removes an image until the plan has been carried out.
  base::Fd lease = hold_images(context, loaded, args);
  forget_repairs(paths);
  Signals interrupts({SIGINT, SIGTERM});
  if (args.up.detach) interrupts.end_at(2);
  LogFollower logs(paths, {args.names,
                           {!args.logs.no_prefix, context.out_colour && !args.logs.no_colour,
                            args.logs.timestamps},
                           true});
  supervisor::ApplyResult result;
  Planned planned;
  std::vector<std::string> meant;
  {
    Progress progress({context.globals.progress, context.globals.ansi});
    supervisor::ApplyOptions options;
    if (args.stop_timeout) options.stop_timeout = std::chrono::seconds(*args.stop_timeout);
    bool first = true;
    planner::DiffOptions diff = diff_options(args);
    result = carry_out(
        {context, paths, progress, options, interrupts.fd(), [&]() -> std::optional<planner::Plan> {
           planned = make_plan(loaded, paths, diff);
           check_obstacles(loaded, paths, planned);
           if (first) {
             meant = containers_meant(planned, args.names);
             show_unchanged(planned, meant, progress);
             if (!args.up.detach) mark_log_ends(logs, planned);
           }
           first = false;
           // What an attempt replaced already is not to be replaced by the next one.
           if (!planned.plan.empty()) diff.force_recreate = false;
           if (!planned.plan.empty()) return planned.plan;
           return {};
         }});
    std::vector<WaitFailure> unready;
    if (result.ok && args.up.wait && interrupts.count() == 0) {
      unready =
          wait_healthy({paths, planned.desired, meant, args.up.wait_timeout, progress, interrupts});
    }
    lease.reset();
    progress.finish();
    warn_of_orphans(context, planned.plan);
    if (interrupts.count() == 0) {
      const int status = report(context, result, progress);
      for (const WaitFailure& each : unready) {
        write_text(STDERR_FILENO, render_error(each.text, each.hint, context.err_colour));
      }
      if (status != kDone || !unready.empty()) return kFailed;
    }
  }
  if (args.up.detach) return interrupts.count() > 0 ? kInterrupted : kDone;
  return attach(context, paths, args.names, logs, interrupts);
}

}  // namespace cli
