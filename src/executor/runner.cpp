#include "executor/runner.hpp"

#include "base/sys.hpp"
#include "planner/pre_start.hpp"

namespace executor {

using planner::ContainerStatus;
using spec::Condition;

Runner::Runner(planner::Plan plan, Actuator& actuator, OnEvent on_event,
               std::function<void(bool)> on_end)
    : plan_(std::move(plan)),
      actuator_(actuator),
      on_event_(std::move(on_event)),
      on_end_(std::move(on_end)),
      progress_(plan_.steps.size()) {
  std::map<std::string, std::size_t> by_id;
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) by_id.emplace(plan_.steps[i].id, i);
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
    const planner::Step& step = plan_.steps[i];
    for (const std::string& id : step.after) {
      if (const auto before = by_id.find(id); before != by_id.end()) {
        progress_[i].after.push_back(before->second);
      }
    }
    if (step.kind == planner::Kind::Container &&
        (planner::makes_run(step.action) || step.action == planner::Action::Update)) {
      container_step_.emplace(step.target, i);
    }
  }
}

void Runner::start() {
  advance();
}

void Runner::poke() {
  advance();
}

void Runner::cancel() {
  cancelled_ = true;
  advance();
}

void Runner::advance() {
  // An actuator may answer at once, from inside begin(): the outer call goes round again.
  if (advancing_) {
    again_ = true;
    return;
  }
  if (ended_) return;
  advancing_ = true;
  do {
    again_ = false;
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
      const State state = progress_[i].state;
      if (state == State::Blocked || state == State::Waiting) try_begin(i);
    }
  } while (again_);
  advancing_ = false;
  bool ok = true;
  for (const Progress& progress : progress_) {
    if (progress.state < State::Done) return;
    ok = ok && progress.state == State::Done;
  }
  ended_ = true;
  on_end_(ok);
}

void Runner::try_begin(std::size_t index) {
  const planner::Step& step = plan_.steps[index];
  if (cancelled_) {
    finish(index, State::Cancelled, {false, "cancelled", {}});
    return;
  }
  for (const std::size_t before : progress_[index].after) {
    const State state = progress_[before].state;
    if (state < State::Done) return;
    if (state != State::Done) {
      finish(index, State::Skipped,
             {false,
              base::cat(plan_.steps[before].target,
                        state == State::Failed ? " failed" : " was not done"),
              {}});
      return;
    }
  }
  std::string pending;
  for (const planner::Wait& wait : step.waits) {
    const Judgement judgement = judge(wait);
    if (judgement.verdict == Verdict::Impossible && wait.required) {
      finish(index, State::Skipped, {false, judgement.text, judgement.hint});
      return;
    }
    if (judgement.verdict == Verdict::Pending && pending.empty()) pending = judgement.text;
  }
  if (!pending.empty()) {
    if (progress_[index].state != State::Waiting) {
      progress_[index].state = State::Waiting;
      progress_[index].began = base::sys::monotonic_now();
      emit(index, Phase::Waiting, pending);
    }
    return;
  }
  progress_[index].state = State::Running;
  progress_[index].began = base::sys::monotonic_now();
  emit(index, Phase::Began);
  actuator_.begin(step, [this, index](const StepResult& result) {
    finish(index, result.ok ? State::Done : State::Failed, result);
    advance();
  });
}

Runner::Judgement Runner::judge(const planner::Wait& wait) {
  const std::string& name = wait.container;
  if (const auto own = container_step_.find(name); own != container_step_.end()) {
    const State state = progress_[own->second].state;
    if (state == State::Failed || state == State::Skipped || state == State::Cancelled) {
      return {Verdict::Impossible, base::cat("dependency ", name, " failed to start")};
    }
    if (state != State::Done) return {Verdict::Pending, base::cat(name, " to start")};
  }
  const planner::ActualContainer* container = actuator_.find(name);
  if (container == nullptr) {
    return {Verdict::Impossible, base::cat("dependency ", name, " is not there")};
  }
  const bool exited = container->status == ContainerStatus::Exited;
  switch (wait.condition) {
    case Condition::Started:
      if (container->status == ContainerStatus::Created) {
        return {Verdict::Pending, base::cat(name, " to start")};
      }
      return {Verdict::Met, {}};
    case Condition::Healthy:
      if (!actuator_.has_healthcheck(name)) {
        return {Verdict::Impossible,
                base::cat("dependency ", name, " has no health check to wait for")};
      }
      if (exited) {
        return {Verdict::Impossible,
                base::cat("dependency ", name, " exited (", container->exit.code, ")"),
                actuator_.last_words(name)};
      }
      if (container->health == planner::Health::Unhealthy) {
        return {Verdict::Impossible,
                container->health_output.empty()
                    ? base::cat("dependency ", name, " is unhealthy")
                    : base::cat("dependency ", name,
                                " is unhealthy: ", base::trim(container->health_output)),
                actuator_.last_words(name)};
      }
      if (container->health == planner::Health::Healthy) return {Verdict::Met, {}};
      return {Verdict::Pending, base::cat(name, " to be healthy")};
    case Condition::CompletedSuccessfully:
      if (!exited) return {Verdict::Pending, base::cat(name, " to complete")};
      if (container->exit.known && container->exit.code == 0) return {Verdict::Met, {}};
      if (const planner::Container* step = plan_.container(name); step && step->step != 0) {
        return {Verdict::Impossible,
                base::cat(planner::describe_step(*step), " failed: exit code ",
                          container->exit.known ? std::to_string(container->exit.code) : "unknown"),
                actuator_.last_words(name)};
      }
      return {Verdict::Impossible,
              base::cat("dependency ", name, " did not complete successfully: exit ",
                        container->exit.known ? std::to_string(container->exit.code) : "unknown"),
              actuator_.last_words(name)};
  }
  return {Verdict::Impossible, "unknown condition"};
}

void Runner::finish(std::size_t index, State state, const StepResult& result) {
  if (is_final(index)) return;
  progress_[index].state = state;
  again_ = true;
  switch (state) {
    case State::Done:
      emit(index, Phase::Done, result.text);
      break;
    case State::Failed:
      emit(index, Phase::Failed, result.text, result.hint);
      break;
    case State::Skipped:
      emit(index, Phase::Skipped, result.text, result.hint);
      break;
    case State::Cancelled:
      emit(index, Phase::Cancelled, result.text);
      break;
    case State::Blocked:
    case State::Waiting:
    case State::Running:
      break;
  }
}

void Runner::emit(std::size_t index, Phase phase, const std::string& text,
                  const std::string& hint) {
  const planner::Step& step = plan_.steps[index];
  StepEvent event;
  event.step = step.id;
  event.kind = step.kind;
  event.action = step.action;
  event.target = step.target;
  event.phase = phase;
  event.text = text;
  event.hint = hint;
  if (progress_[index].began.count() != 0) {
    event.elapsed = base::sys::monotonic_now() - progress_[index].began;
  }
  on_event_(event);
}

}  // namespace executor
