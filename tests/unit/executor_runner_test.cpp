#include <gtest/gtest.h>

#include <deque>

#include "executor/runner.hpp"

namespace {

using executor::Phase;
using executor::StepResult;
using planner::Action;
using planner::ContainerStatus;
using planner::Kind;
using planner::Step;

// An actuator whose answers the test gives.
class Fake final : public executor::Actuator {
 public:
  void begin(const Step& step, std::function<void(StepResult)> done) override {
    begun.push_back(step.id);
    if (immediate) {
      set(step.target, ContainerStatus::Running);
      done({});
    } else {
      pending[step.id] = std::move(done);
    }
  }
  const planner::ActualContainer* find(const std::string& name) override {
    const auto at = containers.find(name);
    return at == containers.end() ? nullptr : &at->second;
  }
  bool has_healthcheck(const std::string& name) override { return checked.contains(name); }
  void set(const std::string& name, ContainerStatus status) {
    containers[name].name = name;
    containers[name].status = status;
  }
  void answer(const std::string& id, StepResult result = {}) {
    auto done = std::move(pending.at(id));
    pending.erase(id);
    done(std::move(result));
  }

  bool immediate = false;
  std::vector<std::string> begun;
  std::map<std::string, std::function<void(StepResult)>> pending;
  std::map<std::string, planner::ActualContainer> containers;
  std::map<std::string, bool> checked;
};

Step container(const std::string& name, std::vector<std::string> after = {},
               std::vector<planner::Wait> waits = {}) {
  Step step;
  step.id = "container/" + name;
  step.target = name;
  step.after = std::move(after);
  step.waits = std::move(waits);
  return step;
}

struct Bench {
  explicit Bench(
      std::vector<Step> steps,
      const std::function<void(planner::Plan&)>& complete = [](planner::Plan&) {})
      : runner(
            [&steps, &complete] {
              planner::Plan plan;
              plan.steps = std::move(steps);
              complete(plan);
              return plan;
            }(),
            fake, [this](const executor::StepEvent& event) { events.push_back(event); },
            [this](bool result) { ended.push_back(result); }) {}
  std::string last(const std::string& id, Phase phase) const {
    for (const auto& event : events) {
      if (event.step == id && event.phase == phase) return event.text.empty() ? "yes" : event.text;
    }
    return "";
  }
  Fake fake;
  std::vector<executor::StepEvent> events;
  std::vector<bool> ended;
  executor::Runner runner;
};

TEST(Runner, EmptyPlanEndsWell) {
  Bench bench({});
  bench.runner.start();
  EXPECT_EQ(bench.ended, std::vector<bool>{true});
}

TEST(Runner, IndependentStepsBeginTogetherDependantsWait) {
  Bench bench({container("a"), container("b"), container("c", {"container/a"})});
  bench.runner.start();
  EXPECT_EQ(bench.fake.begun, (std::vector<std::string>{"container/a", "container/b"}));
  bench.fake.answer("container/a");
  EXPECT_EQ(bench.fake.begun.back(), "container/c");
  bench.fake.answer("container/c");
  EXPECT_TRUE(bench.ended.empty());
  bench.fake.answer("container/b");
  EXPECT_EQ(bench.ended, std::vector<bool>{true});
}

TEST(Runner, AnswersFromInsideBeginAreFine) {
  Bench bench({container("a"), container("b", {"container/a"}), container("c", {"container/b"})});
  bench.fake.immediate = true;
  bench.runner.start();
  EXPECT_EQ(bench.ended, std::vector<bool>{true});
  EXPECT_EQ(bench.fake.begun.size(), 3U);
}

TEST(Runner, FailureSkipsWhatFollowsAndLeavesTheRest) {
  Bench bench({container("a"), container("b", {"container/a"}), container("c")});
  bench.runner.start();
  bench.fake.answer("container/a", {false, "no such program", "check command"});
  bench.fake.answer("container/c");
  EXPECT_EQ(bench.ended, std::vector<bool>{false});
  EXPECT_EQ(bench.last("container/a", Phase::Failed), "no such program");
  EXPECT_EQ(bench.last("container/b", Phase::Skipped), "a failed");
  EXPECT_EQ(bench.last("container/c", Phase::Done), "yes");
}

TEST(Runner, HealthyIsWaitedFor) {
  Bench bench({container("db"), container("web", {}, {{"db", spec::Condition::Healthy, true}})});
  bench.fake.checked["db"] = true;
  bench.runner.start();
  EXPECT_EQ(bench.last("container/web", Phase::Waiting), "db to start");
  bench.fake.set("db", ContainerStatus::Running);
  bench.fake.answer("container/db");
  EXPECT_EQ(bench.fake.begun.size(), 1U);
  bench.fake.containers["db"].health = planner::Health::Healthy;
  bench.runner.poke();
  EXPECT_EQ(bench.fake.begun.back(), "container/web");
}

struct ImpossibleCase {
  const char* what;
  spec::Condition condition;
  ContainerStatus status;
  planner::Health health;
  int code;
  bool checked;
  const char* text;
};

TEST(Runner, ImpossibleConditionsSkipWithTheReason) {
  const std::vector<ImpossibleCase> cases{
      {"unhealthy", spec::Condition::Healthy, ContainerStatus::Running, planner::Health::Unhealthy,
       0, true, "dependency db is unhealthy"},
      {"exited", spec::Condition::Healthy, ContainerStatus::Exited, planner::Health::None, 3, true,
       "dependency db exited (3)"},
      {"no check", spec::Condition::Healthy, ContainerStatus::Running, planner::Health::None, 0,
       false, "dependency db has no health check to wait for"},
      {"job failed", spec::Condition::CompletedSuccessfully, ContainerStatus::Exited,
       planner::Health::None, 1, false, "dependency db did not complete successfully: exit 1"},
  };
  for (const ImpossibleCase& test : cases) {
    SCOPED_TRACE(test.what);
    Bench bench({container("web", {}, {{"db", test.condition, true}})});
    bench.fake.set("db", test.status);
    bench.fake.containers["db"].health = test.health;
    bench.fake.containers["db"].exit.known = true;
    bench.fake.containers["db"].exit.code = test.code;
    if (test.checked) bench.fake.checked["db"] = true;
    bench.runner.start();
    EXPECT_EQ(bench.last("container/web", Phase::Skipped), test.text);
    EXPECT_EQ(bench.ended, std::vector<bool>{false});
    // The same with required: false begins.
    Bench lenient({container("web", {}, {{"db", test.condition, false}})});
    lenient.fake = bench.fake;
    lenient.fake.begun.clear();
    lenient.runner.start();
    EXPECT_EQ(lenient.fake.begun.size(), 1U);
  }
}

TEST(Runner, CompletedJobLetsFollowersBegin) {
  Bench bench({container("web", {}, {{"job", spec::Condition::CompletedSuccessfully, true}})});
  bench.fake.set("job", ContainerStatus::Running);
  bench.runner.start();
  EXPECT_TRUE(bench.fake.begun.empty());
  bench.fake.set("job", ContainerStatus::Exited);
  bench.fake.containers["job"].exit.known = true;
  bench.runner.poke();
  EXPECT_EQ(bench.fake.begun.size(), 1U);
}

TEST(Runner, AStepThatFailedIsNamed) {
  Bench bench({container("web", {}, {{"prepare", spec::Condition::CompletedSuccessfully, true}})},
              [](planner::Plan& plan) {
                planner::Container& step = plan.desired.containers.emplace_back();
                step.name = "prepare";
                step.service = "web";
                step.step = 2;
              });
  bench.fake.set("prepare", ContainerStatus::Exited);
  bench.fake.containers["prepare"].exit = {true, 7, 0, false, {}};
  bench.runner.start();
  EXPECT_EQ(bench.last("container/web", Phase::Skipped),
            "pre_start step 2 of service web failed: exit code 7");
}

TEST(Runner, CancelKeepsWhatHasBegun) {
  Bench bench({container("a"), container("b", {"container/a"})});
  bench.runner.start();
  bench.runner.cancel();
  EXPECT_TRUE(bench.ended.empty());
  bench.fake.answer("container/a");
  EXPECT_EQ(bench.ended, std::vector<bool>{false});
  EXPECT_EQ(bench.last("container/b", Phase::Cancelled), "cancelled");
  EXPECT_EQ(bench.last("container/a", Phase::Done), "yes");
}

}  // namespace
