// Changes: what differs between the record of a running container and the wish, field by field, and
// whether the kernel takes it in place. To make a field change in place: add it to the table in
// changes.cpp and handle it in the executor's update. Pure; must not know plans.
#pragma once

#include <string>
#include <vector>

#include "planner/desired.hpp"
#include "planner/plan.hpp"

namespace planner {

enum class Effect : std::uint8_t { InPlace, Replace };

// The fields of planner::Container that change while the container runs; every other one replaces
// it.
const std::vector<std::string>& in_place_fields();

struct Change {
  Reason reason;
  Effect effect = Effect::Replace;
};

// Old and new text of fingerprint(); sorted by field. A record that cannot be read is one change.
std::vector<Change> changes_between(const std::string& before, const std::string& after);

// True for names of variables whose value does not belong on a screen: PASSWORD, SECRET, TOKEN,
// KEY.
bool looks_secret(const std::string& name);

}  // namespace planner
