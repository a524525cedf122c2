// How a container ends: its process watched, the keeper's word taken, the restart policy asked;
// stop and signals.
#include <signal.h>
#include <sys/epoll.h>

#include <utility>

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/sys.hpp"
#include "executor/cgroup.hpp"
#include "executor/process_pin.hpp"
#include "planner/restart.hpp"
#include "supervisor/container_parts.hpp"

namespace supervisor {

using planner::ContainerStatus;
using Clock = std::chrono::system_clock;

namespace {

std::string end_text(const planner::ExitState& exit) {
  if (!exit.known) return "ended, nobody saw how";
  if (exit.oom_killed) return base::cat("was killed: out of memory (", exit.code, ")");
  if (exit.signal != 0) return base::cat("was killed by signal ", exit.signal);
  return base::cat("exited with ", exit.code);
}

}  // namespace

void Container::watch_process() {
  pid_watch_ = host_.loop.watch(launched_.pidfd.get(), EPOLLIN, [this](std::uint32_t) {
    host_.loop.remove(pid_watch_);
    pid_watch_ = 0;
    exit_attempts_ = 0;
    on_gone();
  });
}

// It has ended; the keeper's word on how comes by itself. Where the keeper is not its parent (both
// of us were dead in between) the kernel tells from 6.15 on.
void Container::on_gone() {
  exit_timer_ = 0;
  if (!running()) return;
  if (const auto record = executor::pidfd_exit(launched_.pidfd.get())) {
    ended(executor::exit_state(*record));
    return;
  }
  if (++exit_attempts_ > kExitAttempts) {
    base::log::warn(base::cat(spec_.name, ": ended, nobody saw how"));
    planner::ExitState unknown;
    unknown.finished_at = Clock::now();
    ended(unknown);
    return;
  }
  exit_timer_ = host_.loop.after(std::chrono::milliseconds(30), [this] { on_gone(); });
}

void Container::on_exit(const executor::ExitRecord& record) {
  if (record.process != state_.process) return;
  if (status_watch_ != 0) on_status();  // ended before we looked at how its start went
  if (running()) ended(executor::exit_state(record));
}

void Container::ended(const planner::ExitState& exit) {
  for (Loop::Id* id : {&pid_watch_, &kill_timer_, &exit_timer_}) {
    host_.loop.remove(*id);
    *id = 0;
  }
  CRASH_POINT("ended/before");
  stop_health();
  hooks_.reset();
  ending_ = false;
  state_.exit = exit;
  try {
    state_.exit.oom_killed =
        executor::cgroup_usage(host_.paths.container_cgroup(spec_.name)).oom_kills > 0;
    // Processes that pid 1 left in the group die with its pid namespace; those of exec do not.
    executor::kill_cgroup(host_.paths.container_cgroup(spec_.name));
  } catch (const base::Error& error) {
    base::log::warn(base::cat(spec_.name, ": ", error.what()));
  }
  const base::ProcessId process = state_.process;
  const bool unhealthy = wants_restart_for_health();
  state_.status = ContainerStatus::Exited;
  state_.health = planner::Health::None;
  state_.process = {};
  launched_ = {};
  const base::Duration ran = base::sys::monotonic_now() - started_mono_;
  // One that was ended for its health has started well when it was healthy, however long it ran.
  if (unhealthy ? was_healthy_ : planner::ran_long_enough(spec_.restart, ran)) {
    state_.recent_restarts = 0;
  }
  const bool stopping = !stop_done_.empty();
  if (!stopping) restart_by_policy(unhealthy);
  // Before the record: who reads there that it has ended finds all that it printed.
  host_.logs.settle(spec_.name);
  save();
  CRASH_POINT("ended/saved");
  executor::unpin_process(executor::process_pin(host_.paths, spec_.name));
  host_.keeper.forget(process);
  if (spec_.tty && !owned()) out_.reset();
  base::log::info(base::cat(spec_.name, ": ", end_text(state_.exit)));
  if (const Done interrupted = std::exchange(hooks_done_, nullptr)) {
    interrupted(
        {false, base::cat(end_text(state_.exit), " before its post_start hooks had run"), {}});
  }
  tell_end(stopping);
  answer_stop(std::exchange(killed_text_, {}));
  host_.changed(spec_.name);
}

void Container::restart_by_policy(bool unhealthy) {
  const auto delay =
      planner::restart_delay(spec_.restart, {.exit = state_.exit,
                                             .ran = base::Duration{0},
                                             .restarts = state_.recent_restarts,
                                             .stopped_by_user = state_.stopped_by_user,
                                             .unhealthy = unhealthy});
  if (!delay) return;
  state_.status = ContainerStatus::Restarting;
  ++state_.recent_restarts;
  ++state_.restarts;
  restart_timer_ = host_.loop.after(*delay, [this] {
    restart_timer_ = 0;
    begin_launch({});
  });
}

// Out of memory, a signal and an exit code are three different ends.
void Container::tell_end(bool stopping) {
  const planner::ExitState& exit = state_.exit;
  std::map<std::string, std::string> how;
  how["exitCode"] = exit.known ? std::to_string(exit.code) : "unknown";
  if (exit.signal != 0) how["signal"] = std::to_string(exit.signal);
  if (exit.oom_killed) {
    how["oomKilled"] = "true";
    tell("oom");
  }
  tell("die", how);
  if (stopping) tell("stop");
}

void Container::answer_stop(const std::string& text) {
  std::vector<Done> waiting = std::move(stop_done_);
  stop_done_.clear();
  for (const Done& done : waiting) done({true, text, {}});
}

void Container::stop(std::optional<base::Duration> grace, Done done) {
  state_.stopped_by_user = true;
  if (restart_timer_ != 0) {
    host_.loop.remove(restart_timer_);
    restart_timer_ = 0;
    state_.status = ContainerStatus::Exited;
  }
  if (status_watch_ != 0) {
    // Still on its way to exec: nothing of the image's runs yet that could want a grace period.
    base::send_signal(launched_.pidfd, SIGKILL);
    on_status();
  }
  if (!running()) {
    try {
      executor::kill_cgroup(host_.paths.container_cgroup(spec_.name));
    } catch (const base::Error& error) {
      base::log::debug(error.what());
    }
    save();
    done({});
    return;
  }
  save();
  stop_done_.push_back(std::move(done));
  begin_end(grace.value_or(spec_.stop_grace_period));
}

// Asked again, it takes the new grace.
void Container::begin_end(base::Duration grace) {
  if (state_.status == ContainerStatus::Paused) {
    executor::freeze_cgroup(host_.paths.container_cgroup(spec_.name), false);
  }
  host_.loop.remove(kill_timer_);
  kill_timer_ = 0;
  if (grace.count() == 0) {
    kill_all();
    return;
  }
  kill_timer_ = host_.loop.after(grace, [this, grace] {
    kill_timer_ = 0;
    killed_text_ = base::cat("killed after ", base::human_duration(grace));
    base::log::warn(base::cat(spec_.name, ": used up its grace period of ",
                              base::human_duration(grace), ": killed"));
    kill_all();
  });
  if (std::exchange(ending_, true) || spec_.pre_stop.empty()) {
    send_stop_signal();
    return;
  }
  // Within the grace. One that fails does not keep the container from being stopped.
  hooks_ = std::make_unique<HookRunner>(
      host_.loop,
      HookRunner::Request{spec_, host_.paths, state_.process, "pre_stop", spec_.pre_stop, grace},
      [this](const HookRunner::Failure& failure) {
        const auto ended_ones = std::move(hooks_);
        if (!failure.text.empty()) {
          base::log::warn(base::cat(spec_.name, ": ", failure.text,
                                    failure.output.empty() ? "" : ": ", failure.output));
        }
        send_stop_signal();
      });
}

void Container::send_stop_signal() {
  CRASH_POINT("stop/signal/before");
  base::send_signal(launched_.pidfd, spec_.stop_signal);
  CRASH_POINT("stop/signal/after");
  tell("kill", {{"signal", std::to_string(spec_.stop_signal)}});
}

void Container::kill_all() {
  hooks_.reset();
  tell("kill", {{"signal", std::to_string(SIGKILL)}});
  try {
    executor::kill_cgroup(host_.paths.container_cgroup(spec_.name));
    base::send_signal(launched_.pidfd, SIGKILL);
  } catch (const base::Error& error) {
    base::log::warn(base::cat(spec_.name, ": ", error.what()));
  }
}

void Container::signal(int number, Done done) {
  if (!running()) {
    done({false, base::cat("container ", spec_.name, " is not running"), {}});
    return;
  }
  if (number == SIGKILL) {
    stop(base::Duration{0}, std::move(done));
    return;
  }
  base::send_signal(launched_.pidfd, number);
  tell("kill", {{"signal", std::to_string(number)}});
  done({});
}

}  // namespace supervisor
