// steps: the pieces that diff() and plan_down() share: ids, and the reasons in which kernel objects
// differ. Internal to planner; decides nothing.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "planner/plan.hpp"

namespace planner {

std::string step_id(Kind kind, const std::string& target);
Step make_step(Kind kind, Action action, const std::string& target, std::vector<Reason> reasons);

// What a container was launched as; only its name, service and index when its record is unreadable.
Container record_of(const ActualContainer& container);

// Why `found` is not what is wished for; empty: it is. Compares what a dump of links tells
// (addresses, label, mtu when known); `internal` only when the observer knew the table.
std::vector<Reason> bridge_differences(const netfab::Bridge& wanted, const netfab::Bridge& found);
std::vector<Reason> link_differences(const netfab::Endpoint& wanted,
                                     const netfab::Endpoint& before);
// Adds one reason a label that came, went or changed.
void label_differences(std::vector<Reason>& out, const std::map<std::string, std::string>& before,
                       const std::map<std::string, std::string>& wanted);
// A volume of the stack's own that was made with other driver_opts. Their values are not shown:
// some hold passwords.
void option_differences(std::vector<Reason>& out, const Volume& wanted,
                        const std::vector<ActualVolume>& found);
// Sorts `wanted`.
std::vector<Reason> port_differences(std::vector<netfab::PublishedPort>& wanted,
                                     std::vector<netfab::PublishedPort> found);

// "0.0.0.0:8080/tcp → 172.17.0.2:80"
std::string describe_port(const netfab::PublishedPort& port);

}  // namespace planner
