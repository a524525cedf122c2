#include "supervisor/container.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/sys.hpp"
#include "executor/adjust.hpp"
#include "executor/cgroup.hpp"
#include "executor/devices.hpp"
#include "image/rootfs.hpp"
#include "netfab/netns.hpp"
#include "planner/restart.hpp"

namespace supervisor {

using planner::ContainerStatus;
using Clock = std::chrono::system_clock;

namespace {

constexpr int kPipeSize = 1 << 20;
// How often, 30 ms apart, the keeper's word on an end is waited for; less where it may be a keeper
// that is not the parent and has nothing to say.
constexpr unsigned kExitAttempts = 100, kExitAttemptsAdopted = 20;

// A FIFO opened for reading and writing: whoever has it keeps it alive, and a container that has it
// so as its stdout never meets a pipe without a reader, even with supervisor and keeper both dead.
base::Fd open_fifo(const std::string& path) {
  if (::mkfifo(path.c_str(), 0622) != 0 && errno != EEXIST) base::throw_errno("mkfifo", path);
  // 0622 whatever the umask: /dev/stdout can be opened again by any user of the container.
  if (::chmod(path.c_str(), 0622) != 0) base::throw_errno("chmod", path);
  base::Fd fd = base::sys::open(path, O_RDWR);
  ::fcntl(fd.get(), F_SETPIPE_SZ, kPipeSize);
  return fd;
}

// Another description of the same FIFO, for the log mover: its O_NONBLOCK is its own.
base::Fd reader_of(const base::Fd& fifo) {
  return base::sys::open(base::cat("/proc/self/fd/", fifo.get()), O_RDONLY | O_NONBLOCK);
}

executor::StepResult failure(const base::Error& error) {
  return {false, error.what(), error.hint()};
}

}  // namespace

Container::Container(Host& host, planner::Container spec) : host_(host), spec_(std::move(spec)) {
  state_.name = spec_.name;
  state_.service = spec_.service;
  state_.index = spec_.index;
}

Container::~Container() {
  for (const Loop::Id id :
       {status_watch_, pid_watch_, kill_timer_, restart_timer_, exit_timer_, start_timer_}) {
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

void Container::make_files() {
  host_.logs.detach(spec_.name);
  throw_away_data();
  state_.created_at = Clock::now();
  state_.restarts = 0;
  recent_restarts_ = 0;
  executor::make_container_dirs(spec_, host_.paths);
  executor::write_etc(spec_, host_.paths, {});
  base::write_atomic(host_.paths.record(spec_.name), planner::fingerprint(spec_));
}

void Container::prepare(Done done) {
  try {
    make_files();
    state_.stopped_by_user = true;  // `reconcile` leaves it so
    executor::write_state(host_.paths, state_);
    done({});
  } catch (const base::Error& error) {
    done(failure(error));
  }
}

void Container::create(Done done) {
  try {
    make_files();
  } catch (const base::Error& error) {
    done(failure(error));
    return;
  }
  begin_launch(std::move(done));
}

void Container::start(Done done) {
  if (running() && !base::is_alive(state_.process)) {
    // It has ended, and how is still waited for (on_gone): that comes first, or it would count as
    // started.
    start_timer_ = host_.loop.after(std::chrono::milliseconds(10), [this, done = std::move(done)] {
      start_timer_ = 0;
      start(done);
    });
    return;
  }
  if (running()) {
    done({});
    return;
  }
  host_.loop.remove(restart_timer_);
  restart_timer_ = 0;
  recent_restarts_ = 0;
  try {
    executor::make_container_dirs(spec_, host_.paths);
    executor::write_etc(spec_, host_.paths, {});
    base::write_atomic(host_.paths.record(spec_.name), planner::fingerprint(spec_));
  } catch (const base::Error& error) {
    done(failure(error));
    return;
  }
  begin_launch(std::move(done));
}

void Container::open_streams() {
  const std::string run = host_.paths.container_run(spec_.name);
  if (spec_.tty) {
    base::Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0) {
      base::throw_errno("open", "a pty");
    }
    winsize size{24, 80, 0, 0};
    ::ioctl(master.get(), TIOCSWINSZ, &size);
    out_ = std::move(master);
    return;
  }
  if (!out_) out_ = open_fifo(run + "/stdout");
  if (!err_) err_ = open_fifo(run + "/stderr");
  if (spec_.stdin_open && !stdin_) stdin_ = open_fifo(run + "/stdin");
}

void Container::hold_streams() {
  host_.keeper.hold(spec_.name, held());
}

std::vector<int> Container::held() const {
  std::vector<int> out;
  for (const base::Fd* fd : {&out_, &err_, &stdin_}) {
    if (fd->valid()) out.push_back(fd->get());
  }
  return out;
}

void Container::attach_logs() {
  base::Fd out = spec_.tty ? base::sys::dup(out_.get()) : reader_of(out_);
  base::Fd err = spec_.tty ? base::Fd{} : reader_of(err_);
  host_.logs.attach(spec_.name, std::move(out), std::move(err), host_.paths.log_dir(spec_.name),
                    log_limits(spec_.logging.options));
}

// Empty: the machine's own.
std::string Container::netns_path() const {
  switch (spec_.network) {
    case planner::NetworkKind::Host:
      break;
    case planner::NetworkKind::Container:
      return host_.paths.netns(spec_.network_container);
    case planner::NetworkKind::None:
    case planner::NetworkKind::Own:
      return host_.paths.netns(spec_.name);
  }
  return {};
}

void Container::begin_launch(Done done) {
  state_.error.clear();
  state_.exit = {};
  state_.stopped_by_user = false;
  state_.health = spec_.healthcheck ? planner::Health::Starting : planner::Health::None;
  state_.health_failures = 0;
  state_.status = ContainerStatus::Created;
  try {
    // A new group each time: the kernel kills what is cloned into one that was ever killed by
    // cgroup.kill (seen on 6.18), and counters such as out-of-memory kills belong to one run.
    executor::remove_cgroup(host_.paths.container_cgroup(spec_.name));
    executor::ensure_cgroup(host_.paths.container_cgroup(spec_.name),
                            executor::cgroup_settings(spec_));
    const std::string netns = netns_path();
    if (spec_.network == planner::NetworkKind::None || spec_.network == planner::NetworkKind::Own) {
      netfab::ensure_netns(netns);
    }
    const image::Rootfs rootfs =
        image::resolve(spec_.image, host_.working_dir, host_.paths.roots, {.id = spec_.image_id});
    open_streams();
    base::Fd slave;
    if (spec_.tty) {
      slave = base::Fd(::ioctl(out_.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
      if (!slave) base::throw_errno("open", "a pty's slave");
    }
    const int in = spec_.tty ? slave.get() : stdin_.get();
    launched_ = executor::launch({.container = spec_,
                                  .rootfs = rootfs,
                                  .paths = host_.paths,
                                  .netns = netns,
                                  .stdin_fd = in,
                                  .stdout_fd = spec_.tty ? slave.get() : out_.get(),
                                  .stderr_fd = spec_.tty ? slave.get() : err_.get(),
                                  .clone_parent = true});
    hold_streams();
    attach_logs();
    state_.process = base::identify(launched_.pid).value_or(base::ProcessId{launched_.pid, 0});
    save();
  } catch (const base::Error& error) {
    state_.status = ContainerStatus::Exited;
    state_.error = error.what();
    state_.exit = {true, 128, 0, false, Clock::now()};
    save();
    done(failure(error));
    return;
  }
  launch_done_ = std::move(done);
  status_watch_ =
      host_.loop.watch(launched_.status.get(), EPOLLIN, [this](std::uint32_t) { on_status(); });
}

// The child has either become the program or said why not.
void Container::on_status() {
  host_.loop.remove(status_watch_);
  status_watch_ = 0;
  const auto failed = executor::launch_outcome(launched_);
  launched_.status.reset();
  Done done = std::move(launch_done_);
  launch_done_ = nullptr;
  if (failed) {
    state_.status = ContainerStatus::Exited;
    state_.error = failed->text;
    state_.exit = {true, failed->errnum == ENOENT ? 127 : 126, 0, false, Clock::now()};
    state_.process = {};
    host_.logs.detach(spec_.name);
    save();
    if (done) done({false, failed->text, failed->hint});
    host_.changed(spec_.name);
    return;
  }
  state_.status = ContainerStatus::Running;
  state_.started_at = Clock::now();
  started_mono_ = base::sys::monotonic_now();
  save();
  watch_process();
  start_health();
  if (done) done({});
  host_.changed(spec_.name);
}

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
  stop_health();
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
  state_.status = ContainerStatus::Exited;
  state_.health = planner::Health::None;
  state_.process = {};
  launched_ = {};
  const base::Duration ran = base::sys::monotonic_now() - started_mono_;
  if (ran >= std::chrono::seconds(10)) recent_restarts_ = 0;
  const bool stopping = !stop_done_.empty();
  const auto delay =
      stopping ? std::nullopt
               : planner::restart_delay(
                     spec_.restart, {state_.exit, ran, recent_restarts_, state_.stopped_by_user});
  if (delay) {
    state_.status = ContainerStatus::Restarting;
    ++recent_restarts_;
    ++state_.restarts;
    restart_timer_ = host_.loop.after(*delay, [this] {
      restart_timer_ = 0;
      begin_launch([](const executor::StepResult&) {});
    });
  }
  save();
  host_.keeper.forget(process);
  if (spec_.tty) {
    host_.logs.detach(spec_.name);
    out_.reset();
  }
  base::log::info(base::cat(spec_.name, ": exited with ", state_.exit.code));
  answer_stop();
  host_.changed(spec_.name);
}

void Container::answer_stop() {
  std::vector<Done> waiting = std::move(stop_done_);
  stop_done_.clear();
  for (const Done& done : waiting) done({});
}

void Container::start_health() {
  if (!spec_.healthcheck || spec_.healthcheck->disabled || spec_.healthcheck->test.empty()) return;
  const base::Duration since =
      std::chrono::duration_cast<base::Duration>(Clock::now() - state_.started_at);
  health_ = std::make_unique<HealthMonitor>(host_.loop, host_.paths, spec_, state_.process, since,
                                            HealthState{state_.health, state_.health_failures},
                                            [this](HealthState now, const std::string& output) {
                                              state_.health = now.health;
                                              state_.health_failures = now.failures;
                                              state_.error =
                                                  now.failures > 0 ? output : std::string{};
                                              save();
                                              host_.changed(spec_.name);
                                            });
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
  const base::Duration limit = grace.value_or(spec_.stop_grace_period);
  const auto kill = [this] {
    kill_timer_ = 0;
    try {
      executor::kill_cgroup(host_.paths.container_cgroup(spec_.name));
      base::send_signal(launched_.pidfd, SIGKILL);
    } catch (const base::Error& error) {
      base::log::warn(base::cat(spec_.name, ": ", error.what()));
    }
  };
  if (state_.status == ContainerStatus::Paused) {
    executor::freeze_cgroup(host_.paths.container_cgroup(spec_.name), false);
  }
  if (limit.count() == 0) {
    kill();
    return;
  }
  base::send_signal(launched_.pidfd, spec_.stop_signal);
  host_.loop.remove(kill_timer_);
  kill_timer_ = host_.loop.after(limit, kill);
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
  done({});
}

executor::StepResult Container::pause(Freeze wanted) {
  const bool freeze = wanted == Freeze::Frozen;
  const ContainerStatus before = freeze ? ContainerStatus::Running : ContainerStatus::Paused;
  if (state_.status != before) {
    return {false,
            base::cat("container ", spec_.name, freeze ? " is not running" : " is not paused"),
            {}};
  }
  try {
    executor::freeze_cgroup(host_.paths.container_cgroup(spec_.name), freeze);
  } catch (const base::Error& error) {
    return failure(error);
  }
  state_.status = freeze ? ContainerStatus::Paused : ContainerStatus::Running;
  save();
  if (freeze) {
    stop_health();
  } else {
    start_health();
  }
  host_.changed(spec_.name);
  return {};
}

// Renamed out of the way at once; a child removes the heap later (Supervisor::empty_trash).
void Container::throw_away_data() {
  const std::string data = host_.paths.container_data(spec_.name);
  if (!base::exists(data)) return;
  static std::atomic<unsigned> counter{0};
  const std::string trash = host_.paths.data + "/trash";
  base::sys::make_dir(trash, 0700);
  const std::string away =
      base::cat(trash, "/", spec_.name, ".", base::sys::monotonic_now().count(), ".", counter++);
  if (::rename(data.c_str(), away.c_str()) != 0) base::throw_errno("rename", data);
}

void Container::remove(RemoveOptions options, Done done) {
  stop(options.grace, [this, options, done = std::move(done)](const executor::StepResult&) {
    stop_health();
    host_.logs.detach(spec_.name);
    host_.keeper.drop(spec_.name);
    out_.reset();
    err_.reset();
    stdin_.reset();
    finish_removal(options, done, 0);
  });
}

void Container::finish_removal(RemoveOptions options, const Done& done, unsigned attempt) {
  try {
    // The last process may still be on its way out: try again in a moment rather than wait here.
    executor::remove_cgroup(host_.paths.container_cgroup(spec_.name), base::Duration{0});
  } catch (const base::Error& error) {
    if (attempt < 500) {
      const base::Duration pause = std::chrono::milliseconds(attempt < 20 ? 1 : 10);
      exit_timer_ = host_.loop.after(
          pause, [this, options, done, attempt] { finish_removal(options, done, attempt + 1); });
      return;
    }
    done(failure(error));
    return;
  }
  try {
    throw_away_data();
    if (options.keep_network) {
      base::remove_file(host_.paths.record(spec_.name));
      base::remove_file(host_.paths.state(spec_.name));
    } else {
      netfab::remove_netns(host_.paths.netns(spec_.name));
      executor::remove_container_dirs(spec_.name, host_.paths);
    }
    done({});
  } catch (const base::Error& error) {
    done(failure(error));
  }
}

executor::StepResult Container::update(planner::Container spec) {
  const planner::Container before = std::exchange(spec_, std::move(spec));
  try {
    if (running()) {
      const std::string group = host_.paths.container_cgroup(spec_.name);
      if (spec_.limits != before.limits) {
        executor::ensure_cgroup(group, executor::cgroup_settings(spec_));
      }
      executor::adjust_running(before, spec_, {group, netns_path()});
    }
    if (base::exists(host_.paths.container_run(spec_.name) + "/etc")) {
      executor::write_etc(spec_, host_.paths, {});
    }
    if (spec_.logging != before.logging && (out_ || err_)) attach_logs();
    // Last: until then the next plan finds the change still to do.
    base::write_atomic(host_.paths.record(spec_.name), planner::fingerprint(spec_));
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
    return failure(error);
  }
}

void Container::adopt(planner::ActualContainer state, std::vector<base::Fd> held,
                      const std::vector<executor::ExitRecord>& exits) {
  state_ = std::move(state);
  const bool was_running =
      running() || (state_.status == ContainerStatus::Created && state_.process.pid > 0);
  // In the order of held(): out, then err and stdin where there are.
  if (!held.empty()) out_ = std::move(held[0]);
  if (held.size() > 1 && !spec_.tty) err_ = std::move(held[1]);
  if (held.size() > 2) stdin_ = std::move(held[2]);
  started_mono_ = base::sys::monotonic_now() -
                  std::chrono::duration_cast<base::Duration>(Clock::now() - state_.started_at);
  recent_restarts_ = state_.restarts;
  if (base::is_alive(state_.process)) {
    // It may have been on its way to exec when our predecessor died; a failure shows as its end.
    if (state_.status == ContainerStatus::Created) {
      state_.status = ContainerStatus::Running;
      state_.started_at = Clock::now();
    }
    launched_.pid = state_.process.pid;
    launched_.pidfd = base::open_pidfd(state_.process);
    if (!spec_.tty || out_) {
      try {
        open_streams();
        hold_streams();
        attach_logs();
      } catch (const base::Error& error) {
        base::log::warn(base::cat(spec_.name, ": its log cannot be taken over: ", error.what()));
      }
    }
    save();
    watch_process();
    if (state_.status == ContainerStatus::Running) start_health();
    return;
  }
  if (!spec_.tty && out_) attach_logs();  // what it printed before it ended is still in the FIFO
  if (state_.status == ContainerStatus::Restarting) {
    restart_timer_ = host_.loop.after(std::chrono::milliseconds(100), [this] {
      restart_timer_ = 0;
      begin_launch([](const executor::StepResult&) {});
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
  // It may have ended just now: the keeper has yet to reap it and say how.
  exit_attempts_ = kExitAttempts - kExitAttemptsAdopted;
  on_gone();
}

}  // namespace supervisor
