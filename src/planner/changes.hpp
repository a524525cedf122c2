// Changes: what differs between the record of a running container and the wish, field by field,
// under the names of the stack file, and what each difference costs (fields.hpp). Values that do
// not belong on a screen are left out of the reasons here, at their origin. Pure; must not know
// plans.
#pragma once

#include <string>
#include <vector>

#include "planner/desired.hpp"
#include "planner/fields.hpp"
#include "planner/plan.hpp"

namespace planner {

struct Change {
  Reason reason;
  Effect effect = Effect::Replace;
};

// Old and new text of fingerprint(); sorted by field of the record. A record that cannot be read is
// one change. `wished`, when there is one, knows what the file calls networks and services.
std::vector<Change> changes_between(const std::string& before, const std::string& after,
                                    const DesiredState* wished = nullptr);

// True for names of variables whose value does not belong on a screen: PASSWORD, SECRET, TOKEN,
// KEY.
bool looks_secret(const std::string& name);

}  // namespace planner
