#include <unistd.h>

#include "base/error.hpp"
#include "cli/apply.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/service_images.hpp"
#include "cli/signals.hpp"
#include "executor/stack_look.hpp"
#include "supervisor/client.hpp"
#include "supervisor/keeper.hpp"

namespace cli {

namespace {

bool nothing_there(const Recorded& recorded) {
  return !recorded.intent && recorded.actual.containers.empty() &&
         recorded.actual.fabric.endpoints.empty() && recorded.actual.fabric.ports.empty();
}

// Keeper and supervisor without a stack may be about to begin what a command asked for that was
// killed this moment: a plan of nothing has its turn when that has ended.
void await_what_begins(const base::ProjectPaths& paths) {
  constexpr int kTries = 100;
  constexpr useconds_t kPause = 20'000;
  for (int i = 0; i < kTries && supervisor::keeper_alive(paths); ++i) {
    supervisor::wake(paths);
    if (auto client = supervisor::Client::connect(paths)) {
      planner::Plan nothing;
      nothing.project = paths.project;
      (void)client->apply(nothing, {}, [](const executor::StepEvent&) {});
      return;
    }
    ::usleep(kPause);
  }
}

planner::Plan make_down(const Recorded& recorded, const Arguments& args) {
  planner::DesiredState intent;
  intent.project = recorded.paths.project;
  if (recorded.intent) intent = *recorded.intent;
  planner::DownOptions options;
  options.volumes = args.down.volumes;
  options.remove_orphans = args.down.remove_orphans;
  options.services = args.names;
  return planner::plan_down(intent, recorded.actual, options);
}

// --rmi local: images of services without image:, which are built; none are here.
std::set<std::string> images_meant(const Context& context, const Recorded& recorded,
                                   const Arguments& args) {
  if (args.down.images != "all") return {};
  return service_images(context, recorded, args.names);
}

int show_down(const Context& context, const Recorded& recorded, const Arguments& args) {
  std::string out = planner::to_text(make_down(recorded, args), {context.out_colour});
  for (const std::string& name : images_meant(context, recorded, args)) {
    out += base::cat("Then, unless another stack uses it: image ", name, " remove\n");
  }
  write_text(STDOUT_FILENO, out);
  return kDone;
}

}  // namespace

int down(const Context& context, const Arguments& args) {
  Recorded recorded = look_up(context);
  const base::ProjectPaths paths = recorded.paths;
  if (nothing_there(recorded) && !context.globals.dry_run && ::geteuid() == 0) {
    await_what_begins(paths);
    recorded = look_up(context);
  }
  const std::set<std::string> images = images_meant(context, recorded, args);
  if (nothing_there(recorded)) {
    if (!context.globals.dry_run && ::geteuid() == 0) supervisor::sweep(paths);
    write_text(STDERR_FILENO,
               base::cat("stack: ", paint("warning:", Colour::Yellow, context.err_colour),
                         " nothing of stack ", paths.project, " is there to remove\n"));
    if (images.empty()) return kDone;
  } else {
    check_services(args.names, service_names(recorded), paths.project);
  }
  if (context.globals.dry_run) return show_down(context, recorded, args);
  require_root("down");
  Signals interrupts({SIGINT, SIGTERM});
  interrupts.end_at(2);
  Progress progress({context.globals.progress, context.globals.ansi});
  supervisor::ApplyOptions options;
  if (args.stop_timeout) options.stop_timeout = std::chrono::seconds(*args.stop_timeout);
  bool first = true;
  const auto result = carry_out(
      {context, paths, progress, options, interrupts.fd(), [&]() -> std::optional<planner::Plan> {
         if (!first) {
           auto [intent, actual] = executor::observe_with_intent(paths);
           recorded.intent = std::move(intent);
           recorded.actual = std::move(actual);
         }
         first = false;
         if (nothing_there(recorded)) return {};
         planner::Plan plan = make_down(recorded, args);
         // Even without steps the intent itself may have to go.
         if (plan.empty() && !plan.forget) return {};
         return plan;
       }});
  if (result.ok && interrupts.count() == 0) remove_service_images(context, images, progress);
  progress.finish();
  if (interrupts.count() > 0) return kInterrupted;
  return report(context, result, progress);
}

}  // namespace cli
