// Health schedule, frames: the supervisor's pure parts.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "supervisor/frame.hpp"
#include "supervisor/health.hpp"

namespace {

using namespace std::chrono_literals;
using planner::Health;

spec::Healthcheck check() {
  spec::Healthcheck out;
  out.test = {"CMD", "true"};
  out.interval = 10s;
  out.retries = 3;
  return out;
}

TEST(HealthRules, SuccessIsHealthyAtOnceAndResets) {
  const auto state = supervisor::after_check(check(), {Health::Unhealthy, 7}, {true, 1h, false});
  EXPECT_EQ(state.health, Health::Healthy);
  EXPECT_EQ(state.failures, 0U);
}

TEST(HealthRules, EarlyFailuresNeverCount) {
  const auto state = supervisor::after_check(check(), {}, {false, 1s, true});
  EXPECT_EQ(state.health, Health::Starting);
  EXPECT_EQ(state.failures, 0U);
}

TEST(HealthRules, RetriesMakeUnhealthy) {
  supervisor::HealthState state{Health::Healthy, 0};
  for (int i = 0; i < 2; ++i) state = supervisor::after_check(check(), state, {false, 1min, false});
  EXPECT_EQ(state.health, Health::Healthy);
  state = supervisor::after_check(check(), state, {false, 1min, false});
  EXPECT_EQ(state.health, Health::Unhealthy);
}

TEST(HealthRules, StartPeriodForgives) {
  auto with_period = check();
  with_period.start_period = 1min;
  supervisor::HealthState state;
  for (int i = 0; i < 10; ++i)
    state = supervisor::after_check(with_period, state, {false, 30s, false});
  EXPECT_EQ(state.health, Health::Starting);
  for (int i = 0; i < 3; ++i)
    state = supervisor::after_check(with_period, state, {false, 61s, false});
  EXPECT_EQ(state.health, Health::Unhealthy);
}

TEST(HealthRules, ScheduleStartsShortAndEndsRegular) {
  const auto c = check();
  EXPECT_EQ(supervisor::next_check(c, {}, 0s, 0), 50ms);
  EXPECT_EQ(supervisor::next_check(c, {}, 50ms, 1), 100ms);
  EXPECT_EQ(supervisor::next_check(c, {}, 9s, 7), 1s);  // not past the first regular check
  EXPECT_EQ(supervisor::next_check(c, {}, 10s, 8), 10s);
  EXPECT_EQ(supervisor::next_check(c, {Health::Healthy, 0}, 1s, 2), 10s);
}

TEST(HealthRules, ArgvOfForms) {
  auto c = check();
  EXPECT_EQ(supervisor::check_argv(c), std::vector<std::string>{"true"});
  c.test = {"CMD-SHELL", "exit 1"};
  EXPECT_EQ(supervisor::check_argv(c), (std::vector<std::string>{"/bin/sh", "-c", "exit 1"}));
}

TEST(Frame, RoundTripInPieces) {
  const std::string whole = supervisor::make_frame("{\"a\":1}") + supervisor::make_frame("");
  std::string buffer;
  std::vector<std::string> got;
  for (const char c : whole) {
    buffer.push_back(c);
    while (const auto frame = supervisor::take_frame(buffer)) got.push_back(*frame);
  }
  EXPECT_EQ(got, (std::vector<std::string>{"{\"a\":1}", ""}));
  EXPECT_TRUE(buffer.empty());
}

TEST(Frame, AbsurdLengthIsRefused) {
  std::string buffer = "\xff\xff\xff\xff";
  EXPECT_THROW(supervisor::take_frame(buffer), base::Error);
}

}  // namespace
