// Health: runs one container's health check on its schedule and reports changes. The rules of the
// Compose Specification (healthcheck), with one addition: until the first regular check is due,
// early checks at short, growing intervals may find the container healthy sooner; their failures
// never count.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/paths.hpp"
#include "base/process.hpp"
#include "planner/actual.hpp"
#include "planner/desired.hpp"
#include "supervisor/inside.hpp"
#include "supervisor/loop.hpp"

namespace supervisor {

// The next state after one check; pure.
struct HealthState {
  planner::Health health = planner::Health::Starting;
  unsigned failures = 0;
};
struct CheckFacts {
  bool passed = false;
  base::Duration since_start{0};  // when it began, however long it took, as docker has it
  bool early = false;             // begun before the first regular check was due
};
HealthState after_check(const spec::Healthcheck& check, HealthState state, const CheckFacts& facts);
// When the next check is due, counted from now; `checks`: how many have run.
base::Duration next_check(const spec::Healthcheck& check, const HealthState& state,
                          base::Duration since_start, unsigned checks);
// The program of a check: {"CMD-SHELL", text} becomes /bin/sh -c text.
std::vector<std::string> check_argv(const spec::Healthcheck& check);

class HealthMonitor {
 public:
  using OnChange = std::function<void(HealthState, const std::string& output)>;
  HealthMonitor(Loop& loop, const base::ProjectPaths& paths, const planner::Container& container,
                base::ProcessId target, base::Duration since_start, HealthState state,
                OnChange on_change);
  ~HealthMonitor();
  HealthMonitor(const HealthMonitor&) = delete;
  HealthMonitor& operator=(const HealthMonitor&) = delete;

 private:
  void schedule();
  void begin();
  void finish(const InsideResult& result);

  Loop& loop_;
  base::ProjectPaths paths_;
  planner::Container container_;
  base::ProcessId target_;
  base::Duration started_;
  base::Duration began_{0};  // the check, counted from then
  HealthState state_;
  OnChange on_change_;
  unsigned checks_ = 0;
  Loop::Id timer_ = 0;
  std::unique_ptr<InsideProgram> running_;
};

}  // namespace supervisor
