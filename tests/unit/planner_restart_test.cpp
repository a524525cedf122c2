// The restart policy: who is started again, when, and who stays ended.
#include "planner/restart.hpp"

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using planner::ActualContainer;
using planner::ContainerStatus;
using planner::EndFacts;
using planner::ExitState;
using spec::RestartMode;

struct RestartCase {
  const char* what;
  spec::RestartPolicy policy;
  EndFacts facts;
  std::optional<base::Duration> delay;
};

TEST(Restart, Table) {
  const ExitState good{true, 0, 0, false, {}};
  const ExitState bad{true, 2, 0, false, {}};
  const ExitState unknown{};
  const std::vector<RestartCase> cases{
      {"no", {RestartMode::No, 0}, {bad, 1s, 0, false}, {}},
      {"always after success", {RestartMode::Always, 0}, {good, 1s, 0, false}, 100ms},
      {"always doubles", {RestartMode::Always, 0}, {bad, 1s, 3, false}, 800ms},
      {"at most a minute", {RestartMode::Always, 0}, {bad, 1s, 50, false}, 60s},
      {"long run starts over", {RestartMode::Always, 0}, {bad, 11s, 9, false}, 100ms},
      {"stopped by the user stays", {RestartMode::Always, 0}, {bad, 1s, 0, true}, {}},
      {"unless-stopped", {RestartMode::UnlessStopped, 0}, {good, 1s, 1, false}, 200ms},
      {"on-failure after success", {RestartMode::OnFailure, 0}, {good, 1s, 0, false}, {}},
      {"on-failure after failure", {RestartMode::OnFailure, 0}, {bad, 1s, 0, false}, 100ms},
      {"on-failure, nobody saw", {RestartMode::OnFailure, 0}, {unknown, 1s, 0, false}, 100ms},
      {"on-failure used up", {RestartMode::OnFailure, 2}, {bad, 1s, 2, false}, {}},
      {"on-failure one left", {RestartMode::OnFailure, 2}, {bad, 1s, 1, false}, 200ms},
      {"a delay of its own", {RestartMode::Always, 0, 7s, {}}, {bad, 1s, 9, false}, 7s},
      {"no delay at all", {RestartMode::Always, 0, 0s, {}}, {bad, 1s, 9, false}, 0s},
      {"any, used up", {RestartMode::Always, 2, 1s, {}}, {good, 1s, 2, false}, {}},
      {"inside its window", {RestartMode::OnFailure, 2, {}, 30s}, {bad, 29s, 2, false}, {}},
      {"past its window", {RestartMode::OnFailure, 2, {}, 30s}, {bad, 30s, 2, false}, 100ms},
      {"no window is docker's", {RestartMode::OnFailure, 2, {}, 0s}, {bad, 9s, 2, false}, {}},
      {"unhealthy, with no policy", {RestartMode::No}, {bad, 1s, 1, false, true}, 200ms},
      {"unhealthy, ended well", {RestartMode::OnFailure}, {good, 1s, 0, false, true}, 100ms},
      {"unhealthy and stopped", {RestartMode::No}, {bad, 1s, 0, true, true}, {}},
  };
  for (const RestartCase& test : cases) {
    EXPECT_EQ(planner::restart_delay(test.policy, test.facts), test.delay) << test.what;
  }
}

struct EndCase {
  const char* what;
  spec::RestartPolicy policy;
  ActualContainer found;
  bool stays;
};

ActualContainer with_end(ContainerStatus status, const ExitState& exit, unsigned restarts = 0) {
  ActualContainer out;
  out.status = status;
  out.exit = exit;
  out.recent_restarts = restarts;
  return out;
}

TEST(Restart, WhoStaysEnded) {
  const ExitState good{true, 0, 0, false, {}};
  const ExitState bad{true, 2, 0, false, {}};
  ActualContainer stopped = with_end(ContainerStatus::Exited, bad);
  stopped.stopped_by_user = true;
  const std::vector<EndCase> cases{
      {"no", {RestartMode::No, 0}, with_end(ContainerStatus::Exited, bad), true},
      {"always", {RestartMode::Always, 0}, with_end(ContainerStatus::Exited, good), false},
      {"stopped", {RestartMode::Always, 0}, stopped, true},
      {"failed", {RestartMode::OnFailure, 3}, with_end(ContainerStatus::Exited, bad, 2), false},
      {"used up", {RestartMode::OnFailure, 3}, with_end(ContainerStatus::Exited, bad, 3), true},
      {"succeeded", {RestartMode::OnFailure, 0}, with_end(ContainerStatus::Exited, good), true},
      {"runs", {RestartMode::No, 0}, with_end(ContainerStatus::Running, {}), false},
      {"never started", {RestartMode::No, 0}, with_end(ContainerStatus::Created, {}), false},
  };
  for (const EndCase& test : cases) {
    EXPECT_EQ(planner::stays_ended(test.policy, test.found), test.stays) << test.what;
  }
}

}  // namespace
