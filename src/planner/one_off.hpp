// One-off containers: what `run` makes of a service for one command. They are planned and recorded
// as any other container, count neither as replicas nor as orphans, and are never started again.
// Pure.
#pragma once

#include <string>

#include "planner/actual.hpp"
#include "planner/desired.hpp"

namespace planner {

// The key of the service that stands for a one-off of `service` while it is desired; no service of
// a file can have it.
std::string one_off_key(const std::string& service);

struct OneOffOptions {
  std::string service;  // whose
  std::string name;     // of the container
  bool auto_remove = false;
  bool use_aliases = false;  // it answers to the service's names, too
};
// Makes of the container that desire() made for one_off_key(service) a one-off of the service.
void mark_one_off(DesiredState& desired, const OneOffOptions& options);

// One-offs that still run keep their networks and ports: the wish says so.
void keep_one_offs(DesiredState& desired, const DesiredState& recorded, const ActualState& actual);

}  // namespace planner
