#include "executor/outcome.hpp"

#include "base/json.hpp"

namespace executor {

void to_json(nlohmann::json& out, const StepEvent& value) {
  out = nlohmann::json{{"step", value.step},
                       {"kind", static_cast<int>(value.kind)},
                       {"action", static_cast<int>(value.action)},
                       {"target", value.target},
                       {"phase", static_cast<int>(value.phase)},
                       {"text", value.text},
                       {"hint", value.hint},
                       {"elapsed", value.elapsed}};
}

void from_json(const nlohmann::json& in, StepEvent& value) {
  const auto number = [&in](const char* key) { return in.value(key, 0); };
  base::read_field(in, "step", value.step);
  value.kind = static_cast<planner::Kind>(number("kind"));
  value.action = static_cast<planner::Action>(number("action"));
  base::read_field(in, "target", value.target);
  value.phase = static_cast<Phase>(number("phase"));
  base::read_field(in, "text", value.text);
  base::read_field(in, "hint", value.hint);
  base::read_field(in, "elapsed", value.elapsed);
}

}  // namespace executor
