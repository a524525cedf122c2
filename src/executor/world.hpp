// gather_world(): what desire() must know besides the stack: images, leases, host routes. And the
// records of networks, which may belong to no stack: DATA/networks/NAME.json, under one lock a
// root.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/paths.hpp"
#include "planner/desired.hpp"

namespace executor {

// A network's record: the subnet given to it and the endpoints on it, of all stacks.
struct NetworkRecord {
  std::string name;
  std::string project;  // "": made by `stack network create`, belongs to no stack
  bool internal = false, enable_ipv6 = false;
  netfab::Bridge bridge;
  std::map<std::string, std::string> labels;
  struct Lease {
    std::string project, container, service;
    std::vector<base::IpAddress> addresses;
    std::vector<std::string> aliases;
  };
  std::vector<Lease> leases;
};

std::optional<NetworkRecord> read_network(const base::Roots& roots, const std::string& name);
std::vector<NetworkRecord> read_networks(const base::Roots& roots);
// Of those that have a record, whatever it holds.
std::vector<std::string> network_names(const base::Roots& roots);
void write_network(const base::Roots& roots, const NetworkRecord& record);
void forget_network(const base::Roots& roots, const std::string& name);
// What a stack still has when its intent has gone: its networks, its addresses on those of others.
void disown_networks(const base::Roots& roots, const std::string& project);
// Exclusive over all networks of the root while held (allocation, lease changes). Clears away what
// a holder that died left half written.
base::Fd lock_networks(const base::Roots& roots);

// `stack network create`: picks a subnet, makes record and bridge. Throws when it exists or
// overlaps.
struct NetworkRequest {
  std::string name;
  std::vector<base::Cidr> subnets;
  std::vector<base::IpAddress> gateways;
  bool internal = false, enable_ipv6 = false;
  std::map<std::string, std::string> labels;
};
NetworkRecord create_network(const base::Roots& roots, const NetworkRequest& request);
// Refuses while endpoints of any stack are on it.
void destroy_network(const base::Roots& roots, const std::string& name);

struct WorldRequest {
  const spec::Stack& stack;
  const base::ProjectPaths& paths;
  // What was last brought up, for host ports chosen then; may be null.
  const planner::DesiredState* recorded = nullptr;
  // The services whose images must be here; empty: all. Those of others may be absent, and are
  // looked for under what their containers were made from.
  std::vector<std::string> services;
  std::vector<base::Cidr> routes;  // every prefix the host routes or holds
  bool beside_stack = false;       // a one-off: the ports of the stack itself are held, too
};
// Throws base::Error for a missing image, a missing external network or volume (with
// file:line:col).
planner::World gather_world(const WorldRequest& request);

// The names of kernel objects under these roots, for desire().
class Names final : public planner::KernelNames {
 public:
  explicit Names(base::ProjectPaths paths) : paths_(std::move(paths)) {}
  [[nodiscard]] std::string tag(const std::string& kind, const std::string& name) const override {
    return paths_.roots.tag(kind, name);
  }
  [[nodiscard]] std::string netns(const std::string& container) const override {
    return paths_.netns(container);
  }

 private:
  base::ProjectPaths paths_;
};

}  // namespace executor
