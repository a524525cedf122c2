// desire_ports: a service's published intervals become single ports of one container.
// Internal to planner; must not know which ports of the host are free (the caller finds out).
#pragma once

#include "planner/addresses.hpp"
#include "planner/desired.hpp"
#include "planner/problems.hpp"

namespace planner {

// Fills `container.ports` from `service.ports`; its endpoints must be decided.
void publish_ports(const spec::Service& service,
                   const std::map<std::string, PlacedNetwork>& networks, const World& world,
                   Container& container, Problems& problems);

// A port of the host given to two containers: a diagnostic at the line of the second.
void check_port_conflicts(const spec::Stack& stack, const std::vector<Container>& containers,
                          Problems& problems);

}  // namespace planner
