// What became of a step. No exception crosses a step: a failure is a value with text for people.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/text.hpp"
#include "planner/plan.hpp"

namespace executor {

// Began: side effects start. Waiting: done with what it does itself, waits for a condition
// ("healthy"). Done, Skipped, Failed, Cancelled are final. Skipped: a step before it failed.
enum class Phase : std::uint8_t { Began, Waiting, Done, Skipped, Failed, Cancelled };

struct StepEvent {
  std::string step;  // Step::id
  planner::Kind kind = planner::Kind::Container;
  planner::Action action = planner::Action::Create;
  std::string target;
  Phase phase = Phase::Began;
  std::string text;           // Failed: why; Waiting: for what; Done of a wait: "Healthy", "Exited"
  std::string hint;           // Failed: what to do; may hold the last lines of the container's log
  base::Duration elapsed{0};  // since the step began
};

void to_json(nlohmann::json& out, const StepEvent& value);
void from_json(const nlohmann::json& in, StepEvent& value);

using OnEvent = std::function<void(const StepEvent&)>;

}  // namespace executor
