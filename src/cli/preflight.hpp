// What `up` and `plan` do before anything is changed: the plan itself, ports that the kernel is to
// choose, and what stands in the way: ports in use, a firewall that drops what is forwarded.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "executor/stack_look.hpp"
#include "planner/one_off.hpp"
#include "planner/plan.hpp"

namespace cli {

struct Planned {
  std::optional<planner::DesiredState> recorded;  // what was last brought up
  planner::DesiredState desired;
  planner::ActualState actual;
  planner::Plan plan;
};
struct PlanRequest {
  const spec::Loaded& loaded;
  const base::ProjectPaths& paths;
  const planner::DiffOptions& options;
  // What `run` adds to the stack; its service is in the stack already, under one_off_key().
  const planner::OneOffOptions* one_off = nullptr;
};
// Observes and plans; changes nothing. Host ports left open by the file get a number. `look`: one
// that has begun already; one of another stack or an old one is not used.
Planned make_plan(const PlanRequest& request, std::unique_ptr<executor::StackLook> look = {});

// Throws spec::SpecError with every port that somebody else holds (place and holder), or
// base::Error for a forward chain that would drop. Only what the plan touches is looked at.
void check_obstacles(const spec::Loaded& loaded, const base::ProjectPaths& paths,
                     const Planned& planned);

// The ports alone; `planned` may come from no file.
void check_ports(const spec::Loaded& loaded, const base::ProjectPaths& paths,
                 const Planned& planned);

// The `ports:` entry that a published port comes from; null when there is none.
const spec::Port* origin_of(const netfab::PublishedPort& port, const spec::Service& service);

}  // namespace cli
