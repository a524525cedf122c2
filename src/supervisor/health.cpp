#include "supervisor/health.hpp"

#include <algorithm>

#include "base/sys.hpp"
#include "executor/look.hpp"

namespace supervisor {

namespace {

constexpr base::Duration kFirstEarly = std::chrono::milliseconds(50);

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
}

void HealthMonitor::schedule() {
  const base::Duration since = base::sys::monotonic_now() - started_;
  timer_ =
      loop_.after(next_check(*container_.healthcheck, state_, since, checks_), [this] { begin(); });
}

void HealthMonitor::begin() {
  timer_ = 0;
  // Somebody else's doing (`stack pause` ends the monitor): a check would say nothing of its
  // health.
  if (executor::is_frozen(paths_.container_cgroup(container_.name))) {
    schedule();
    return;
  }
  ++checks_;
  began_ = base::sys::monotonic_now() - started_;
  planner::HookSpec test;
  test.command = check_argv(*container_.healthcheck);
  running_ = std::make_unique<InsideProgram>(
      loop_,
      InsideRequest{container_, paths_, target_, std::move(test), container_.healthcheck->timeout},
      [this](const InsideResult& result) { finish(result); });
}

void HealthMonitor::finish(const InsideResult& result) {
  const HealthState before = state_;
  state_ = after_check(*container_.healthcheck, state_,
                       {.passed = result.ok,
                        .since_start = began_,
                        .early = began_ < regular_start(*container_.healthcheck)});
  schedule();
  if (state_.health == before.health && state_.failures == before.failures) return;
  std::string text = result.output;
  if (result.timed_out) text = base::cat("health check ", result.ending);
  if (!result.ok && text.empty()) text = result.ending;
  on_change_(state_, text);  // may destroy us: last
}

}  // namespace supervisor
