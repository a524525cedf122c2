// desire_ports: a service's published intervals become single ports of one container.
// Internal to planner; must not know which ports of the host are free (the caller finds out).
#pragma once

#include "planner/addresses.hpp"
#include "planner/desired.hpp"
#include "planner/problems.hpp"

namespace planner {

// A port whose number is to be one of an interval: chosen when all that are fixed are known.
struct OpenPort {
  const spec::Port* line;
  std::uint16_t earlier;                       // the choice made before; 0: none
  std::vector<netfab::PublishedPort> entries;  // one a family of the container
};
using OpenPorts = std::map<std::string, std::vector<OpenPort>>;  // by container

// Fills `container.ports` from `service.ports`, but for those that go to `open`; its endpoints must
// be decided.
void publish_ports(const spec::Service& service,
                   const std::map<std::string, PlacedNetwork>& networks, const World& world,
                   Container& container, OpenPorts& open, Problems& problems);

// Gives each open port of all containers the number it had, else the lowest of its interval that
// nobody has; a diagnostic at its line when there is none.
void choose_from_intervals(OpenPorts open, const World& world, std::vector<Container>& containers,
                           Problems& problems);

// A port of the host given to two containers: a diagnostic at the line of the second.
void check_port_conflicts(const spec::Stack& stack, const std::vector<Container>& containers,
                          Problems& problems);

}  // namespace planner
