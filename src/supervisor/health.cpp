#include "supervisor/health.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "executor/enter.hpp"

namespace supervisor {

namespace {

constexpr base::Duration kFirstEarly = std::chrono::milliseconds(50);
constexpr std::size_t kOutputLimit = 4096;

// The first check that counts: after one interval, as docker does it.
base::Duration regular_start(const spec::Healthcheck& check) {
  return check.start_period.count() > 0 ? std::min(check.start_interval, check.interval)
                                        : check.interval;
}

}  // namespace

HealthState after_check(const spec::Healthcheck& check, HealthState state,
                        const CheckFacts& facts) {
  if (facts.passed) return {planner::Health::Healthy, 0};
  const bool starting = state.health == planner::Health::Starting;
  if (starting && (facts.early || facts.since_start < check.start_period)) return state;
  ++state.failures;
  if (state.failures >= std::max(check.retries, 1U)) state.health = planner::Health::Unhealthy;
  return state;
}

base::Duration next_check(const spec::Healthcheck& check, const HealthState& state,
                          base::Duration since_start, unsigned checks) {
  if (state.health != planner::Health::Starting) return check.interval;
  const base::Duration regular = regular_start(check);
  if (since_start < regular) {
    const base::Duration early = kFirstEarly * (std::int64_t{1} << std::min(checks, 10U));
    return std::min(early, regular - since_start);
  }
  if (since_start < check.start_period) return std::min(check.start_interval, check.interval);
  return check.interval;
}

std::vector<std::string> check_argv(const spec::Healthcheck& check) {
  if (check.test.empty()) return {};
  if (check.test.front() == "CMD-SHELL") {
    return {"/bin/sh", "-c", check.test.size() > 1 ? check.test[1] : ""};
  }
  if (check.test.front() == "CMD") return {check.test.begin() + 1, check.test.end()};
  return check.test;
}

HealthMonitor::HealthMonitor(Loop& loop, const base::ProjectPaths& paths,
                             const planner::Container& container, base::ProcessId target,
                             base::Duration since_start, HealthState state, OnChange on_change)
    : loop_(loop),
      paths_(paths),
      container_(container),
      target_(target),
      started_(base::sys::monotonic_now() - since_start),
      state_(state),
      on_change_(std::move(on_change)) {
  schedule();
}

HealthMonitor::~HealthMonitor() {
  loop_.remove(timer_);
  loop_.remove(deadline_);
  loop_.remove(watch_);
  loop_.remove(output_watch_);
  if (running_.pid > 0) {
    base::send_signal(running_.pidfd, SIGKILL);
    ::waitpid(running_.pid, nullptr, 0);
  }
}

void HealthMonitor::schedule() {
  const base::Duration since = base::sys::monotonic_now() - started_;
  timer_ =
      loop_.after(next_check(*container_.healthcheck, state_, since, checks_), [this] { begin(); });
}

void HealthMonitor::begin() {
  timer_ = 0;
  ++checks_;
  text_.clear();
  try {
    auto [reader, writer] = base::sys::pipe(0);
    ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
    running_ = executor::enter({.container = container_,
                                .paths = paths_,
                                .target = target_,
                                .argv = check_argv(*container_.healthcheck),
                                .environment = {},
                                .working_dir = {},
                                .user = {},
                                .privileged = false,
                                .stdin_fd = -1,
                                .stdout_fd = writer.get(),
                                .stderr_fd = writer.get(),
                                .tty = false});
    output_ = std::move(reader);
  } catch (const base::Error& error) {
    text_ = error.what();
    running_ = {};
    finish(false);
    return;
  }
  output_watch_ = loop_.watch(output_.get(), EPOLLIN, [this](std::uint32_t) { read_output(); });
  watch_ = loop_.watch(running_.pidfd.get(), EPOLLIN, [this](std::uint32_t) { finish(false); });
  deadline_ = loop_.after(container_.healthcheck->timeout, [this] {
    deadline_ = 0;
    base::send_signal(running_.pidfd, SIGKILL);
    finish(true);
  });
}

void HealthMonitor::read_output() {
  std::array<char, 4096> piece{};
  while (true) {
    const ssize_t n = ::read(output_.get(), piece.data(), piece.size());
    if (n <= 0) {
      // End of file would wake us for ever.
      if (n == 0) {
        loop_.remove(output_watch_);
        output_watch_ = 0;
      }
      return;
    }
    const std::size_t room = kOutputLimit - std::min(kOutputLimit, text_.size());
    text_.append(piece.data(), std::min(room, static_cast<std::size_t>(n)));
  }
}

void HealthMonitor::finish(bool timed_out) {
  bool passed = false;
  loop_.remove(watch_);
  loop_.remove(deadline_);
  watch_ = deadline_ = 0;
  if (running_.pid > 0) {
    read_output();
    int status = 0;
    ::waitpid(running_.pid, &status, 0);
    passed = !timed_out && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!passed) {
      if (const auto failure = executor::launch_outcome(running_)) text_ = failure->text;
    }
    if (timed_out) {
      text_ = base::cat("health check did not end within ",
                        base::human_duration(container_.healthcheck->timeout));
    }
  }
  loop_.remove(output_watch_);
  output_watch_ = 0;
  output_.reset();
  running_ = {};
  const base::Duration since = base::sys::monotonic_now() - started_;
  const HealthState before = state_;
  state_ = after_check(*container_.healthcheck, state_,
                       {.passed = passed,
                        .since_start = since,
                        .early = since < regular_start(*container_.healthcheck)});
  schedule();
  if (state_.health != before.health || state_.failures != before.failures) {
    on_change_(state_, text_);  // may destroy us: last
  }
}

}  // namespace supervisor
