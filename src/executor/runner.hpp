// Runner: walks a Plan. Decides which step may begin, which is skipped because one before it
// failed, and when all has ended. A pure state machine: side effects are the Actuator's, time is
// the caller's.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "executor/outcome.hpp"
#include "planner/plan.hpp"

namespace executor {

struct StepResult {
  bool ok = true;
  std::string text;  // why it failed
  std::string hint;
};

// The one seam between decision and effect; a fake one tests the runner.
class Actuator {
 public:
  virtual ~Actuator() = default;
  // Begins the step and calls `done` exactly once, now or later.
  virtual void begin(const planner::Step& step, std::function<void(StepResult)> done) = 0;
  // The container as it is now; null when there is none.
  virtual const planner::ActualContainer* find(const std::string& container) = 0;
  // True when the container has a health check.
  virtual bool has_healthcheck(const std::string& container) = 0;
  // The last lines of its log, as a hint: why something that waited for it can not begin.
  virtual std::string last_words(const std::string& /*container*/) { return {}; }
};

class Runner {
 public:
  // `on_end` is called once, with whether every step is done. Nothing runs before start().
  Runner(planner::Plan plan, Actuator& actuator, OnEvent on_event,
         std::function<void(bool ok)> on_end);

  void start();
  // Something about a container changed: waits are looked at again.
  void poke();
  // What has not begun is cancelled; what has is left to end.
  void cancel();
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] const planner::Plan& plan() const { return plan_; }

 private:
  enum class State : std::uint8_t { Blocked, Waiting, Running, Done, Failed, Skipped, Cancelled };
  struct Progress {
    State state = State::Blocked;
    base::Duration began{0};
    std::vector<std::size_t> after;  // indices of Step::after
  };
  enum class Verdict : std::uint8_t { Pending, Met, Impossible };
  struct Judgement {
    Verdict verdict = Verdict::Pending;
    std::string text;
    std::string hint;
  };

  void advance();
  void try_begin(std::size_t index);
  Judgement judge(const planner::Wait& wait);
  void finish(std::size_t index, State state, const StepResult& result);
  void emit(std::size_t index, Phase phase, const std::string& text = {},
            const std::string& hint = {});
  [[nodiscard]] bool is_final(std::size_t index) const {
    return progress_[index].state >= State::Done;
  }

  planner::Plan plan_;
  Actuator& actuator_;
  OnEvent on_event_;
  std::function<void(bool)> on_end_;
  std::vector<Progress> progress_;
  std::map<std::string, std::size_t> container_step_;  // the step that makes the container run
  bool advancing_ = false, again_ = false, ended_ = false, cancelled_ = false;
};

}  // namespace executor
