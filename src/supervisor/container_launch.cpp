// How a container begins: its streams, its launch, and what the child says of its start.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/sys.hpp"
#include "executor/cgroup.hpp"
#include "executor/container_files.hpp"
#include "executor/devices.hpp"
#include "executor/process_pin.hpp"
#include "image/rootfs.hpp"
#include "netfab/netns.hpp"
#include "spec/log_options.hpp"
#include "supervisor/container_parts.hpp"
#include "supervisor/log_export.hpp"
#include "supervisor/run_owner.hpp"

namespace supervisor {

using planner::ContainerStatus;
using Clock = std::chrono::system_clock;

namespace {

constexpr int kPipeSize = 1 << 20;
// The specification names none; a hook that hangs must not hold a plan for ever.
constexpr base::Duration kPostStartDeadline = std::chrono::minutes(10);

// A FIFO opened for reading and writing: whoever has it keeps it alive, and a container that has it
// so as its stdout never meets a pipe without a reader, even with supervisor and keeper both dead.
base::Fd open_fifo(const std::string& path) {
  if (::mkfifo(path.c_str(), 0622) != 0 && errno != EEXIST) base::throw_errno("mkfifo", path);
  // 0622 whatever the umask: /dev/stdout can be opened again by any user of the container.
  if (::chmod(path.c_str(), 0622) != 0) base::throw_errno("chmod", path);
  CRASH_POINT("fifo/made");
  base::Fd fd = base::sys::open(path, O_RDWR);
  ::fcntl(fd.get(), F_SETPIPE_SZ, kPipeSize);
  return fd;
}

// Another description of the same FIFO, for the log mover: its O_NONBLOCK is its own.
base::Fd reader_of(const base::Fd& fifo) {
  return base::sys::open(base::cat("/proc/self/fd/", fifo.get()), O_RDONLY | O_NONBLOCK);
}

}  // namespace

void Container::make_files() {
  host_.logs.detach(spec_.name);
  throw_away_data();
  state_.created_at = Clock::now();
  state_.restarts = 0;
  state_.recent_restarts = 0;
  executor::make_container_dirs(spec_, host_.paths);
  executor::write_etc(spec_, host_.paths, {});
  base::write_atomic(host_.paths.record(spec_.name), planner::fingerprint(spec_));
}

void Container::prepare(const Done& done) {
  try {
    make_files();
    state_.stopped_by_user = true;  // `reconcile` leaves it so
    executor::write_state(host_.paths, state_);
    tell("create");
    done({});
  } catch (const base::Error& error) {
    done(failed_step(error));
  }
}

void Container::create(Done done) {
  try {
    make_files();
  } catch (const base::Error& error) {
    done(failed_step(error));
    return;
  }
  tell("create");
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
  state_.recent_restarts = 0;
  try {
    executor::make_container_dirs(spec_, host_.paths);
    executor::write_etc(spec_, host_.paths, {});
    base::write_atomic(host_.paths.record(spec_.name), planner::fingerprint(spec_));
  } catch (const base::Error& error) {
    done(failed_step(error));
    return;
  }
  begin_launch(std::move(done));
}

void Container::open_streams() {
  const std::string run = host_.paths.container_run(spec_.name);
  if (spec_.tty) {
    // What is taken from the terminal and not yet in a file lies in a pipe, held by the keeper too.
    if (!err_) err_ = open_fifo(run + "/terminal");
    if (out_) return;  // adopted: another master would hang the old terminal up
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

// What a `run` prints is its command's to show, as it is and not by lines, while that lives.
bool Container::find_owner() {
  if (!spec_.oneoff || owner_) return owner_.valid();
  owner_ = watch_owner(host_.paths, spec_.name);
  if (!owner_) return false;
  owner_watch_ = host_.loop.watch(owner_.get(), EPOLLIN | EPOLLRDHUP,
                                  [this](std::uint32_t) { on_owner_gone(); });
  return true;
}

void Container::on_owner_gone() {
  host_.loop.remove(owner_watch_);
  owner_watch_ = 0;
  owner_.reset();
  try {
    if (out_) attach_logs();
  } catch (const base::Error& error) {
    base::log::warn(base::cat(spec_.name, ": ", error.what()));
  }
  if (!active() && spec_.tty) {
    host_.logs.detach(spec_.name);
    out_.reset();
  }
  host_.changed(spec_.name);
}

void Container::attach_logs() {
  if (find_owner()) return;
  const spec::LogOptions options = spec::parse_log_options(spec_.logging);
  LogStreams streams;
  streams.out = spec_.tty ? base::sys::dup(out_.get()) : reader_of(out_);
  (spec_.tty ? streams.through : streams.err) =
      spec_.tty ? base::sys::dup(err_.get()) : reader_of(err_);
  LogLimits limits{options.max_size, options.max_files, options.driver == spec::LogDriver::None};
  const std::string dir = host_.paths.log_dir(spec_.name);
  auto derived = make_log_export(
      {host_.loop, host_.work, options, log_subject(spec_, options), dir,
       base::cat(host_.paths.container_data(spec_.name), "/", spec_.name, "-json.log")});
  host_.logs.attach(spec_.name, std::move(streams), dir, limits, std::move(derived));
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
  state_.health_output.clear();
  state_.hooks_pending = !spec_.post_start.empty();
  state_.status = ContainerStatus::Created;
  was_healthy_ = false;
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
    executor::write_files(spec_, host_.paths);
    open_streams();
    base::Fd slave;
    if (spec_.tty) {
      slave = base::Fd(::ioctl(out_.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
      if (!slave) base::throw_errno("open", "a pty's slave");
    }
    const int in = spec_.tty ? slave.get() : given_stdin_ ? given_stdin_.get() : stdin_.get();
    launched_ = executor::launch({.container = spec_,
                                  .rootfs = rootfs,
                                  .paths = host_.paths,
                                  .netns = netns,
                                  .stdin_fd = in,
                                  .stdout_fd = spec_.tty ? slave.get() : out_.get(),
                                  .stderr_fd = spec_.tty ? slave.get() : err_.get(),
                                  .clone_parent = true});
    given_stdin_.reset();
    CRASH_POINT("launch/hold");
    executor::pin_process(launched_.pidfd, executor::process_pin(host_.paths, spec_.name));
    hold_streams();
    attach_logs();
    CRASH_POINT("launch/logs");
    state_.process = base::identify(launched_.pid).value_or(base::ProcessId{launched_.pid, 0});
    save();
    CRASH_POINT("launch/saved");
  } catch (const base::Error& error) {
    launch_failed(failed_step(error), 128, done);
    return;
  }
  launch_done_ = std::move(done);
  status_watch_ =
      host_.loop.watch(launched_.status.get(), EPOLLIN, [this](std::uint32_t) { on_status(); });
}

// Nothing of it is left that nobody watches. Whoever asked for the start is told; the restart
// policy goes on as when it had ended.
void Container::launch_failed(const executor::StepResult& why, int code, const Done& done) {
  if (const executor::Launched begun = std::exchange(launched_, {}); begun.pid > 0) {
    base::send_signal(begun.pidfd, SIGKILL);
  }
  state_.status = ContainerStatus::Exited;
  state_.error = why.text;
  state_.exit = {true, code, 0, false, Clock::now()};
  state_.process = {};
  executor::unpin_process(executor::process_pin(host_.paths, spec_.name));
  host_.logs.detach(spec_.name);
  if (!done) {
    base::log::warn(base::cat(spec_.name, ": cannot be started: ", why.text));
    restart_by_policy(false);
  }
  save();
  if (done) {
    done(why);
  } else {
    tell_end(false);
  }
  host_.changed(spec_.name);
}

// The child has either become the program or said why not.
void Container::on_status() {
  host_.loop.remove(status_watch_);
  status_watch_ = 0;
  CRASH_POINT("launch/status");
  const auto failed = executor::launch_outcome(launched_);
  launched_.status.reset();
  Done done = std::move(launch_done_);
  launch_done_ = nullptr;
  if (failed) {
    launch_failed({false, failed->text, failed->hint}, failed->errnum == ENOENT ? 127 : 126, done);
    return;
  }
  state_.status = ContainerStatus::Running;
  state_.started_at = Clock::now();
  started_mono_ = base::sys::monotonic_now();
  save();
  tell("start");
  watch_process();
  start_health();
  if (state_.hooks_pending) {
    run_post_start(std::move(done));
  } else if (done) {
    done({});
  }
  host_.changed(spec_.name);
}

// As docker compose has it: the start has failed when a hook has, and the container runs on. Begun
// again by the next supervisor when this one dies meanwhile.
void Container::run_post_start(Done done) {
  hooks_done_ = std::move(done);
  hooks_ = std::make_unique<HookRunner>(
      host_.loop,
      HookRunner::Request{spec_, host_.paths, state_.process, "post_start", spec_.post_start,
                          kPostStartDeadline},
      [this](const HookRunner::Failure& failure) {
        const auto ended_ones = std::move(hooks_);
        const Done answer = std::move(hooks_done_);
        hooks_done_ = nullptr;
        state_.hooks_pending = false;
        state_.error = failure.text;
        save();
        if (!failure.text.empty()) base::log::warn(base::cat(spec_.name, ": ", failure.text));
        if (answer) answer({failure.text.empty(), failure.text, failure.output});
        host_.changed(spec_.name);
      });
}

}  // namespace supervisor
