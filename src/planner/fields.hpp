// Fields: for each field of a container, network and volume, what the stack file calls it, what a
// change of it costs, and how the change is made. The one table: changes.cpp decides by it,
// docs/plan.md shows it (a test compares), and a test asks that every field the codec writes is in
// it. To change a field's effect: its row here, the row in docs/plan.md, and the executor's or
// supervisor's update.
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

// How a value is shown; a record holds plain numbers.
enum class Unit : std::uint8_t { Plain, Nanoseconds, Bytes, Signal };

struct FieldRule {
  // As the codec names it: "limits". A part of it that has a row of its own: "limits.memory".
  const char* field;
  // What people write in the stack file, and what a plan calls it: "mem_limit".
  const char* key;
  Effect effect;
  const char* how;
  Unit unit = Unit::Plain;
};

const std::vector<FieldRule>& container_fields();
const std::vector<FieldRule>& network_fields();
const std::vector<FieldRule>& volume_fields();

// The row of a container's field, or of a part of one; null when it has none of its own.
const FieldRule* rule_of(std::string_view field);
// Of a container's field. A name that is in no row replaces: never silently kept.
Effect effect_of(std::string_view field);

}  // namespace planner
