// PlanFile: a plan as a file, to be looked at, kept, and carried out later exactly as it is: the
// plan, what it is for, and what it rests on. Written by `plan -o`, read by `apply`. A file comes
// from outside: read strictly, every fault by its path. Pure; no I/O.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "planner/plan.hpp"

namespace planner {

// Raised when what a reader must know changes; a newer one is refused.
inline constexpr int kPlanFileVersion = 1;
// Bytes; a thousand services need a tenth of it.
inline constexpr std::size_t kPlanFileLimit = 32U << 20U;

struct PlanFile {
  int stack_plan = kPlanFileVersion;
  std::string made_by;                       // version of the program
  std::string made_at;                       // RFC 3339
  std::string root;                          // the data root
  std::string boot;                          // boot id: neither another machine nor another boot
  std::string intent;                        // hash of what was last brought up; "": nothing was
  std::vector<std::string> services;         // that the plan was asked for; empty: all
  std::map<std::string, std::string> facts;  // basis_facts() of the state that it was made from
  Plan plan;
  std::string checksum;  // of all the rest: finds damage, and is no proof of who wrote it
};

// With its checksum set. Throws base::Error for a value that is no UTF-8.
std::string write_plan_file(PlanFile file);

// Throws base::Error: "NAME:LINE:COLUMN: error: ...", or "NAME: plan.steps[3].kind: ...". Text that
// is read is written as the same value. The checksum is not looked at.
PlanFile parse_plan_file(const std::string& text, const std::string& name);
// As above, and the checksum must fit.
PlanFile read_plan_file(const std::string& text, const std::string& name);

// Throws base::Error when the plan does not hold together (steps that come after nothing, targets
// that are described nowhere), has a name that is no file name, or names kernel objects that are
// not those of its project under `names`.
void check_plan(const Plan& plan, const KernelNames& names);

// What differs between the facts a plan was made from and those of now, for people: "container
// shop-web-1 has changed". Empty: the plan is not stale.
std::vector<std::string> changed_facts(const std::map<std::string, std::string>& before,
                                       const std::map<std::string, std::string>& now);

}  // namespace planner
