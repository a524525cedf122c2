// Fields: for each field of a container, network and volume, what a change of it costs, and how the
// change is made. The one table: changes.cpp decides by it, docs/plan.md shows it (a test
// compares), and a test asks that every field the codec writes is in it. To change a field's
// effect: its row here, the row in docs/plan.md, and the executor's or supervisor's update.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace planner {

enum class Effect : std::uint8_t {
  Never,      // no difference that a plan could be about
  InPlace,    // what runs does not notice, or is told by the kernel
  Reconnect,  // an endpoint is made, changed or taken away; the process stays
  Replace     // stopped, removed and made anew
};
// "in place", "reconnected", "replaced", "no change".
const char* name_of_effect(Effect effect);

struct FieldRule {
  // As the codec names it: "limits". A part of it whose rule is another: "endpoints.aliases".
  const char* field;
  Effect effect;
  const char* how;
};

const std::vector<FieldRule>& container_fields();
const std::vector<FieldRule>& network_fields();
const std::vector<FieldRule>& volume_fields();

// Of a container's field, or a part of one. A name that is in no row replaces: never silently kept.
Effect effect_of(std::string_view field);

}  // namespace planner
