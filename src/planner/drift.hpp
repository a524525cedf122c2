// Drift: what a closer look at the kernel saw, judged: facts of ActualState → reasons of steps.
// Pure. A fact that nobody looked for is no drift. diff() asks here; what a changed stack file
// means is changes.hpp's.
#pragma once

#include <optional>
#include <vector>

#include "planner/plan.hpp"

namespace planner {

// Why our own processes need a hand: a Supervisor step, or nothing.
std::optional<Step> supervisor_drift(const ActualState& actual, const std::string& project);

// Beside `differences`, which a dump of links gave: a device that is down, tables, sysctls.
std::vector<Reason> bridge_drift(const Network& wished, std::vector<Reason> differences,
                                 const ActualState& actual);

// Of an endpoint whose device is there: `outside` is what a dump of links told of it.
std::vector<Reason> endpoint_drift(const EndpointSpec& wished, const netfab::Endpoint& outside,
                                   const Container& container, const ActualContainer* found,
                                   const ActualState& actual);

// Rewords `differences` of published ports that `recorded` had as well: nobody changed the file.
std::vector<Reason> port_drift(std::vector<Reason> differences, const std::string& table,
                               const std::vector<netfab::PublishedPort>& wished,
                               const DesiredState* recorded, const ActualState& actual);

struct ContainerDrift {
  std::vector<Reason> reasons;
  bool restart = false;  // not to be mended in place
};
// `unchanged`: its record equals the wish, so that what differs was not changed by the file.
struct DriftOptions {
  bool unchanged = true;
};
ContainerDrift container_drift(const Container& wished, const ActualContainer& found,
                               DriftOptions options);

// What was seen and nobody mends by a step.
std::vector<std::string> drift_notes(const ActualState& actual);

}  // namespace planner
