// Names of a container's interfaces. Internal to planner; knows neither networks nor addresses.
#pragma once

#include <string>
#include <vector>

#include "netfab/fabric.hpp"

namespace planner {

// One a network, in their order: eth0 and so on, except that an interface that is there (not null)
// keeps its name, so that a network that comes or goes leaves the others alone.
std::vector<std::string> name_interfaces(const std::vector<const netfab::Endpoint*>& kept);

}  // namespace planner
