#include "cli/attach.hpp"

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/apply.hpp"
#include "cli/errors.hpp"
#include "executor/cgroup.hpp"
#include "planner/file_objects.hpp"

namespace cli {

namespace {

// Kills what runs when another signal comes while the stack is being stopped. The stop steps that
// wait for an end then see it; a thread, because the connection to the supervisor is busy with
// them.
class ForceKill {
 public:
  ForceKill(const base::ProjectPaths& paths, const planner::ActualState& actual, Signals& signals)
      : signals_(signals), seen_(signals.count()) {
    for (const auto& each : actual.containers) groups_.push_back(paths.container_cgroup(each.name));
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

int stop_gracefully(const Context& context, const base::ProjectPaths& paths,
                    const std::vector<std::string>& services, LogFollower& logs,
                    Signals& interrupts) {
  write_text(STDERR_FILENO, "Gracefully stopping... (press Ctrl+C again to force)\n");
  interrupts.end_at(interrupts.count() + 2);
  // Lines of logs come in between: nothing that is drawn in place.
  const ProgressMode chosen = context.globals.progress;
  Progress progress(
      {chosen == ProgressMode::Auto ? ProgressMode::Plain : chosen, context.globals.ansi});
  const unsigned seen = interrupts.count();
  supervisor::ApplyResult result;
  {
    const Following following(logs);
    const ForceKill force(paths, executor::observe(paths), interrupts);
    result = carry_out({context, paths, progress, {}, -1, [&]() -> std::optional<planner::Plan> {
                          const auto intent = executor::recorded_intent(paths);
                          if (!intent) return {};
                          planner::Plan plan =
                              planner::plan_stop(*intent, executor::observe(paths), services);
                          if (plan.empty()) return {};
                          return plan;
                        }});
  }
  progress.finish();
  if (interrupts.count() == seen) report(context, result, progress);
  return kInterrupted;
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

int attach(const Context& context, const base::ProjectPaths& paths,
           const std::vector<std::string>& services, LogFollower& logs, Signals& interrupts) {
  if (interrupts.count() == 0) {
    std::vector<std::string> names;
    for (const auto& each : executor::observe(paths).containers) {
      if (is_selected(services, each.service))
        names.push_back(short_name(each.name, paths.project));
    }
    write_text(STDOUT_FILENO, base::cat("Attaching to ", base::join(names, ", "), "\n"));
    if (logs.follow(&interrupts)) return kDone;
  }
  return stop_gracefully(context, paths, services, logs, interrupts);
}

std::string plan_json(const planner::Plan& plan) {
  const nlohmann::json out = planner::without_contents(plan);
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace cli
