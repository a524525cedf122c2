#include "cli/attach.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/apply.hpp"
#include "cli/ensure_images.hpp"
#include "cli/errors.hpp"
#include "executor/cgroup.hpp"
#include "planner/file_objects.hpp"

namespace cli {

namespace {

// Kills what is being stopped and still runs when another signal comes while the stack is being
// stopped. The stop steps that wait for an end then see it; a thread, because the connection to the
// supervisor is busy with them.
class ForceKill {
 public:
  ForceKill(const base::ProjectPaths& paths, const std::vector<std::string>& services,
            Signals& signals)
      : signals_(signals), seen_(signals.count()) {
    for (const auto& each : executor::observe(paths).containers) {
      if (each.oneoff || !is_selected(services, each.service)) continue;
      groups_.push_back(paths.container_cgroup(each.name));
    }
    thread_ = std::thread([this] { run(); });
  }
  ~ForceKill() {
    done_ = true;
    thread_.join();
  }
  ForceKill(const ForceKill&) = delete;
  ForceKill& operator=(const ForceKill&) = delete;

 private:
  void run() {
    constexpr int kPollMs = 50;
    while (!done_) {
      if (signals_.count() > seen_) {
        for (const std::string& group : groups_) {
          try {
            executor::kill_cgroup(group);
          } catch (const base::Error&) {  // has gone meanwhile
          }
        }
        return;
      }
      ::poll(nullptr, 0, kPollMs);
    }
  }

  Signals& signals_;
  unsigned seen_;
  std::vector<std::string> groups_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

// The last words of what is being stopped are worth as much as the first ones.
class Following {
 public:
  explicit Following(LogFollower& logs) : logs_(logs), thread_([this] { run(); }) {}
  ~Following() {
    done_ = true;
    thread_.join();
  }
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;

 private:
  void run() {
    try {
      logs_.follow_until(done_);
    } catch (const std::exception&) {  // the stop goes on without being watched
    }
  }

  LogFollower& logs_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

void stop_gracefully(const Foreground& what) {
  const auto& [context, args, paths, logs, interrupts] = what;
  interrupts.end_at(interrupts.count() + 2);
  // Lines of logs come in between: nothing that is drawn in place.
  const ProgressMode chosen = context.globals.progress;
  Progress progress(
      {chosen == ProgressMode::Auto ? ProgressMode::Plain : chosen, context.globals.ansi});
  const unsigned seen = interrupts.count();
  supervisor::ApplyOptions options;
  if (args.stop_timeout) options.stop_timeout = std::chrono::seconds(*args.stop_timeout);
  supervisor::ApplyResult result;
  {
    const Following following(logs);
    const ForceKill force(paths, args.names, interrupts);
    const auto make_plan = [&paths = what.paths,
                            &names = what.args.names]() -> std::optional<planner::Plan> {
      const auto intent = executor::recorded_intent(paths);
      if (!intent) return {};
      planner::Plan plan = planner::plan_stop(*intent, executor::observe(paths), names);
      if (plan.empty()) return {};
      return plan;
    };
    result = carry_out({context, paths, progress, options, -1, make_plan});
  }
  progress.finish();
  if (interrupts.count() == seen) report(context, result, progress);
}

// The status of the container of --exit-code-from that ended first.
int status_of(const base::ProjectPaths& paths, const std::string& service) {
  const planner::ActualState actual = observe_told(paths);
  const planner::ActualContainer* first = nullptr;
  for (const planner::ActualContainer& each : actual.containers) {
    if (each.service != service || each.oneoff || each.step != 0 || !each.exit.known ||
        each.status != planner::ContainerStatus::Exited) {
      continue;
    }
    if (first == nullptr || each.exit.finished_at < first->exit.finished_at) first = &each;
  }
  if (first != nullptr) return first->exit.code;
  throw base::Error(base::cat("--exit-code-from: no container of service ", service,
                              " has ended with an exit code that is known"));
}

std::vector<std::string> without(std::vector<std::string> names,
                                 const std::vector<std::string>& gone) {
  std::erase_if(names, [&](const std::string& name) {
    return std::find(gone.begin(), gone.end(), name) != gone.end();
  });
  return names;
}

}  // namespace

void mark_log_ends(LogFollower& logs, const Planned& planned) {
  logs.refresh(planned.actual, 0);
  for (const planner::Step& step : planned.plan.steps) {
    const bool anew =
        step.action == planner::Action::Create || step.action == planner::Action::Replace;
    if (step.kind == planner::Kind::Container && anew) logs.restart(step.target);
  }
}

LogFollower::Options foreground_options(const Context& context, const Arguments& args,
                                        const spec::Stack& stack) {
  const UpArgs& up = args.up;
  const std::vector<std::string> all = service_names(stack);
  const std::vector<std::string>& named = args.names.empty() ? all : args.names;
  const std::vector<std::string> brought_up = up.no_deps ? named : with_dependencies(stack, named);
  std::vector<std::string> known = up.attach;
  known.insert(known.end(), up.no_attach.begin(), up.no_attach.end());
  if (!up.exit_code_from.empty()) known.push_back(up.exit_code_from);
  check_services(known, all, stack.name);
  if (const auto strange = without(up.attach, brought_up); !strange.empty()) {
    throw base::Error(base::cat("--attach: not brought up: ", base::join(strange, ", ")),
                      base::cat("brought up: ", base::join(brought_up, ", ")));
  }
  LogFollower::Options out;
  out.services = named;
  if (!up.exit_code_from.empty() && !is_selected(named, up.exit_code_from)) {
    out.services.push_back(up.exit_code_from);
  }
  std::vector<std::string> shown = up.attach;
  if (shown.empty()) {
    shown = up.attach_dependencies ? brought_up : named;
    std::erase_if(shown,
                  [&stack](const std::string& name) { return !stack.services.at(name).attach; });
  }
  shown = without(std::move(shown), up.no_attach);
  // Without names, it is those watched that the command lasts as long as.
  out.awaited = args.names.empty() && !shown.empty() ? shown : named;
  out.shown = std::move(shown);
  out.format = {!args.logs.no_prefix, context.out_colour && !args.logs.no_colour,
                args.logs.timestamps};
  out.announce_exits = true;
  return out;
}

int attach(const Foreground& what) {
  const std::string& service = what.args.up.exit_code_from;
  auto why = LogFollower::Why::Signal;
  if (what.interrupts.count() == 0) {
    std::vector<std::string> names;
    for (const auto& each : executor::observe(what.paths).containers) {
      if (what.logs.shows(each)) names.push_back(short_name(each.name, what.paths.project));
    }
    write_text(STDOUT_FILENO, base::cat("Attaching to ", base::join(names, ", "), "\n"));
    why = what.logs.follow(&what.interrupts);
  }
  int status = kDone;
  switch (why) {
    case LogFollower::Why::AllEnded:
      break;
    case LogFollower::Why::Signal:
      write_text(STDERR_FILENO, "Gracefully stopping... (press Ctrl+C again to force)\n");
      stop_gracefully(what);
      status = kInterrupted;
      break;
    case LogFollower::Why::OneEnded: {
      write_text(STDERR_FILENO, "Aborting on container exit...\n");
      const planner::ExitState exit = what.logs.first_end()->exit;
      stop_gracefully(what);
      status = exit.known ? exit.code : kFailed;
      break;
    }
  }
  return service.empty() ? status : status_of(what.paths, service);
}

std::string plan_json(const planner::Plan& plan) {
  nlohmann::json out = planner::without_contents(plan);
  nlohmann::json& summary = out["summary"] = nlohmann::json::object();
  for (const nlohmann::json& each : out["outcomes"]) {
    nlohmann::json& count = summary[each["fate"].get<std::string>()];
    count = count.is_null() ? 1 : count.get<int>() + 1;
  }
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace cli
