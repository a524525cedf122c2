#include "supervisor/container.hpp"

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/sys.hpp"
#include "executor/adjust.hpp"
#include "executor/cgroup.hpp"
#include "executor/devices.hpp"
#include "executor/process_pin.hpp"
#include "supervisor/container_parts.hpp"

namespace supervisor {

using planner::ContainerStatus;
using Clock = std::chrono::system_clock;

executor::StepResult failed_step(const base::Error& error) {
  return {false, error.what(), error.hint()};
}

Container::Container(Host& host, planner::Container spec) : host_(host), spec_(std::move(spec)) {
  state_.name = spec_.name;
  state_.service = spec_.service;
  state_.index = spec_.index;
  state_.oneoff = spec_.oneoff;
  state_.step = spec_.step;
}

void Container::tell(const std::string& action, std::map<std::string, std::string> attributes) {
  host_.events.add(spec_, action, std::move(attributes));
}

Container::~Container() {
  for (const Loop::Id id : {status_watch_, pid_watch_, kill_timer_, restart_timer_, exit_timer_,
                            start_timer_, health_timer_, owner_watch_}) {
    host_.loop.remove(id);
  }
}

bool Container::active() const {
  return running() || state_.status == ContainerStatus::Restarting || launch_done_ != nullptr ||
         launched_.status.valid();
}

void Container::save() {
  try {
    executor::write_state(host_.paths, state_);
  } catch (const base::Error& error) {
    // A full disk must not end a container; the next change tries again.
    base::log::warn(base::cat(spec_.name, ": ", error.what()));
  }
}

void Container::tell_health(const HealthState& now) {
  if (now.health == planner::Health::Healthy) tell("health_status: healthy");
  if (now.health == planner::Health::Unhealthy) tell("health_status: unhealthy");
}

void Container::start_health() {
  if (!spec_.healthcheck || spec_.healthcheck->disabled || spec_.healthcheck->test.empty()) return;
  const base::Duration since =
      std::chrono::duration_cast<base::Duration>(Clock::now() - state_.started_at);
  health_ = std::make_unique<HealthMonitor>(
      host_.loop, host_.paths, spec_, state_.process, since,
      HealthState{state_.health, state_.health_failures},
      [this](HealthState now, const std::string& output) { on_health(now, output); });
  if (wants_restart_for_health()) {
    // Our predecessor died before it had ended it.
    health_timer_ = host_.loop.soon([this] {
      health_timer_ = 0;
      on_health({state_.health, state_.health_failures}, state_.health_output);
    });
  }
}

void Container::on_health(HealthState now, const std::string& output) {
  if (!running()) return;
  if (state_.health != now.health) tell_health(now);
  state_.health = now.health;
  state_.health_failures = now.failures;
  state_.health_output = output;
  was_healthy_ = was_healthy_ || now.health == planner::Health::Healthy;
  save();
  if (wants_restart_for_health() && !ending_) {
    base::log::warn(base::cat(spec_.name, ": unhealthy, is restarted: ", base::trim(output)));
    stop_health();
    begin_end(spec_.stop_grace_period);
  }
  host_.changed(spec_.name);
}

executor::StepResult Container::pause(Freeze wanted) {
  const bool freeze = wanted == Freeze::Frozen;
  const ContainerStatus before = freeze ? ContainerStatus::Running : ContainerStatus::Paused;
  if (state_.status != before) {
    return {false,
            base::cat("container ", spec_.name, freeze ? " is not running" : " is not paused"),
            {}};
  }
  // Before: a check that is frozen could not be ended any more.
  if (freeze) stop_health();
  try {
    executor::freeze_cgroup(host_.paths.container_cgroup(spec_.name), freeze);
  } catch (const base::Error& error) {
    return failed_step(error);
  }
  state_.status = freeze ? ContainerStatus::Paused : ContainerStatus::Running;
  save();
  tell(freeze ? "pause" : "unpause");
  if (!freeze) start_health();
  host_.changed(spec_.name);
  return {};
}

executor::StepResult Container::update(planner::Container spec) {
  const planner::Container before = std::exchange(spec_, std::move(spec));
  try {
    if (running()) {
      const std::string group = host_.paths.container_cgroup(spec_.name);
      executor::ensure_cgroup(group, executor::cgroup_settings(spec_));
      executor::adjust_running(before, spec_, {group, netns_path()});
    }
    if (base::exists(host_.paths.container_run(spec_.name) + "/etc")) {
      executor::write_etc(spec_, host_.paths, {});
    }
    if (spec_.logging != before.logging && (out_ || err_)) attach_logs();
    CRASH_POINT("update/before");
    // Last: until then the next plan finds the change still to do.
    base::write_if_other(host_.paths.record(spec_.name), planner::fingerprint(spec_));
    if (spec_.healthcheck != before.healthcheck && running()) {
      stop_health();
      state_.health = spec_.healthcheck ? planner::Health::Starting : planner::Health::None;
      state_.health_failures = 0;
      if (state_.status == ContainerStatus::Running) start_health();
    }
    save();
    host_.changed(spec_.name);
    return {};
  } catch (const base::Error& error) {
    spec_ = before;
    return failed_step(error);
  }
}

void Container::take_over_log(const std::function<void()>& work) {
  try {
    work();
  } catch (const base::Error& error) {
    base::log::warn(base::cat(spec_.name, ": its log cannot be taken over: ", error.what()));
  }
}

void Container::adopt(planner::ActualContainer state, std::vector<base::Fd> held,
                      const std::vector<executor::ExitRecord>& exits) {
  state_ = std::move(state);
  const bool was_running =
      running() || (state_.status == ContainerStatus::Created && state_.process.pid > 0);
  // In the order of held(): out, then err and stdin where there are.
  if (!held.empty()) out_ = std::move(held[0]);
  if (held.size() > 1) err_ = std::move(held[1]);
  if (held.size() > 2) stdin_ = std::move(held[2]);
  started_mono_ = base::sys::monotonic_now() -
                  std::chrono::duration_cast<base::Duration>(Clock::now() - state_.started_at);
  base::PidFd alive =
      base::is_alive(state_.process) ? base::open_pidfd(state_.process) : base::PidFd{};
  if (alive) {
    // It may have been on its way to exec when our predecessor died; a failure shows as its end.
    if (state_.status == ContainerStatus::Created) {
      state_.status = ContainerStatus::Running;
      state_.started_at = Clock::now();
    }
    launched_.pid = state_.process.pid;
    launched_.pidfd = std::move(alive);
    if (!spec_.tty || out_) {
      take_over_log([this] {
        open_streams();
        hold_streams();
        attach_logs();
      });
    }
    save();
    if (const std::string pin = executor::process_pin(host_.paths, spec_.name);
        !executor::pinned_process(pin)) {
      executor::pin_process(launched_.pidfd, pin);
    }
    watch_process();
    was_healthy_ = state_.health == planner::Health::Healthy;
    if (state_.status == ContainerStatus::Running) start_health();
    if (state_.hooks_pending) run_post_start({});
    return;
  }
  if (spec_.oneoff) (void)find_owner();
  // What it printed before it ended is still in the FIFO.
  if (!spec_.tty && out_) take_over_log([this] { attach_logs(); });
  if (state_.status == ContainerStatus::Restarting) {
    restart_timer_ = host_.loop.after(std::chrono::milliseconds(100), [this] {
      restart_timer_ = 0;
      begin_launch({});
    });
    return;
  }
  if (!was_running) return;
  state_.status = ContainerStatus::Running;  // ended() is the step from running to what follows
  for (const executor::ExitRecord& record : exits) {
    if (record.process != state_.process) continue;
    ended(executor::exit_state(record));
    return;
  }
  // It may have ended just now, and somebody has yet to reap it: our keeper then says how, or the
  // kernel by what is pinned. Otherwise nobody ever will.
  launched_.pidfd = executor::pinned_process(executor::process_pin(host_.paths, spec_.name));
  const auto stat = base::process_stat(state_.process.pid);
  const bool waits = stat && stat->start_time == state_.process.start_time;
  exit_attempts_ = kExitAttempts - (waits ? kExitAttempts : kExitAttemptsAdopted);
  on_gone();
}

}  // namespace supervisor
