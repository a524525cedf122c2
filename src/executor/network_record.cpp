#include <unistd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/sys.hpp"
#include "executor/world.hpp"
#include "netfab/links.hpp"

namespace executor {

namespace {

std::string record_path(const base::Roots& roots, const std::string& name) {
  return base::cat(roots.networks(), "/", name, ".json");
}

void to_json(nlohmann::json& out, const NetworkRecord::Lease& lease) {
  out = nlohmann::json{{"project", lease.project},
                       {"container", lease.container},
                       {"service", lease.service},
                       {"addresses", lease.addresses},
                       {"aliases", lease.aliases}};
}

NetworkRecord::Lease lease_from(const nlohmann::json& in) {
  NetworkRecord::Lease lease;
  base::read_field(in, "project", lease.project);
  base::read_field(in, "container", lease.container);
  base::read_field(in, "service", lease.service);
  base::read_field(in, "addresses", lease.addresses);
  base::read_field(in, "aliases", lease.aliases);
  return lease;
}

nlohmann::json dump(const NetworkRecord& record) {
  nlohmann::json leases = nlohmann::json::array();
  for (const auto& lease : record.leases) {
    nlohmann::json one;
    to_json(one, lease);
    leases.push_back(std::move(one));
  }
  return nlohmann::json{{"version", 1},
                        {"name", record.name},
                        {"project", record.project},
                        {"internal", record.internal},
                        {"enable_ipv6", record.enable_ipv6},
                        {"labels", record.labels},
                        {"device", record.bridge.device},
                        {"table", record.bridge.table},
                        {"addresses", record.bridge.addresses},
                        {"mtu", record.bridge.mtu},
                        {"leases", std::move(leases)}};
}

std::optional<NetworkRecord> parse(const std::string& text) {
  const auto in = nlohmann::json::parse(text, nullptr, false);
  if (!in.is_object()) return {};
  NetworkRecord record;
  try {
    if (in.value("version", 0) != 1) return {};
    base::read_field(in, "name", record.name);
    base::read_field(in, "project", record.project);
    base::read_field(in, "internal", record.internal);
    base::read_field(in, "enable_ipv6", record.enable_ipv6);
    base::read_field(in, "labels", record.labels);
    base::read_field(in, "device", record.bridge.device);
    base::read_field(in, "table", record.bridge.table);
    base::read_field(in, "addresses", record.bridge.addresses);
    base::read_field(in, "mtu", record.bridge.mtu);
    record.bridge.label = record.name;
    record.bridge.internal = record.internal;
    if (const auto leases = in.find("leases"); leases != in.end()) {
      for (const auto& lease : *leases) record.leases.push_back(lease_from(lease));
    }
  } catch (const nlohmann::json::exception&) {
    return {};
  }
  return record;
}

}  // namespace

std::optional<NetworkRecord> read_network(const base::Roots& roots, const std::string& name) {
  const auto text = base::try_read_file(record_path(roots, name));
  if (!text) return {};
  return parse(*text);
}

std::vector<std::string> network_names(const base::Roots& roots) {
  std::vector<std::string> out;
  for (std::string& file : base::list_dir(roots.networks())) {
    if (!file.ends_with(".json")) continue;
    file.resize(file.size() - 5);
    out.push_back(std::move(file));
  }
  return out;
}

std::vector<NetworkRecord> read_networks(const base::Roots& roots) {
  std::vector<NetworkRecord> out;
  for (const std::string& name : network_names(roots)) {
    if (auto record = read_network(roots, name)) out.push_back(std::move(*record));
  }
  return out;
}

void write_network(const base::Roots& roots, const NetworkRecord& record) {
  base::sys::make_dirs(roots.networks(), 0700);
  base::write_if_other(record_path(roots, record.name), dump(record).dump());
}

void forget_network(const base::Roots& roots, const std::string& name) {
  base::remove_file(record_path(roots, name));
}

void disown_networks(const base::Roots& roots, const std::string& project) {
  const base::Fd lock = lock_networks(roots);
  for (NetworkRecord& record : read_networks(roots)) {
    if (record.project == project) {
      netfab::remove_bridge(record.bridge);
      forget_network(roots, record.name);
      continue;
    }
    const auto gone = std::erase_if(record.leases, [&project](const NetworkRecord::Lease& lease) {
      return lease.project == project;
    });
    if (gone != 0) write_network(roots, record);
  }
}

base::Fd lock_networks(const base::Roots& roots) {
  const std::string dir = roots.networks();
  base::sys::make_dirs(dir, 0700);
  base::Fd lock = std::move(*base::lock_file(dir + "/.lock"));
  // Nobody else writes here now: what is half written was left by one that died.
  for (const std::string& file : base::list_dir(dir)) {
    if (file.find(".json.tmp.") == std::string::npos || file.ends_with(".json")) continue;
    base::remove_file(base::cat(dir, "/", file));
  }
  return lock;
}

NetworkRecord create_network(const base::Roots& roots, const NetworkRequest& request) {
  const base::Fd lock = lock_networks(roots);
  if (read_network(roots, request.name)) {
    throw base::Error(base::cat("network ", request.name, " exists already"),
                      base::cat("stack network rm ", request.name));
  }
  // The same choice of subnets and names as for a stack's network: one stack with one network.
  spec::Stack stack;
  stack.name = "external";
  spec::Network network;
  network.key = network.name = request.name;
  network.internal = request.internal;
  network.enable_ipv6 = request.enable_ipv6;
  network.subnets = request.subnets;
  network.gateways = request.gateways;
  stack.networks.emplace(request.name, network);
  planner::World world;
  world.routes = netfab::host_routes();
  for (const NetworkRecord& other : read_networks(roots)) {
    for (const auto& address : other.bridge.addresses) world.taken.push_back(address.network());
  }
  for (const base::Cidr& wanted : request.subnets) {
    for (const base::Cidr& taken : world.taken) {
      if (wanted.overlaps(taken)) {
        throw base::Error(
            base::cat("subnet ", wanted.str(), " overlaps ", taken.str(), " of another network"),
            "choose another --subnet");
      }
    }
  }
  const Names names(base::ProjectPaths(roots, stack.name));
  const planner::DesiredState desired = planner::desire(stack, world, names);
  NetworkRecord record;
  record.name = request.name;
  record.internal = request.internal;
  record.enable_ipv6 = request.enable_ipv6;
  record.labels = request.labels;
  record.bridge = desired.networks.at(0).bridge;
  // Written down first: a bridge that no record knows of would be nobody's to remove.
  write_network(roots, record);
  try {
    netfab::ensure_bridge(record.bridge);
  } catch (const base::Error&) {
    forget_network(roots, record.name);
    throw;
  }
  return record;
}

void destroy_network(const base::Roots& roots, const std::string& name) {
  const base::Fd lock = lock_networks(roots);
  const auto record = read_network(roots, name);
  if (!record)
    throw base::Error(base::cat("network ", name, " does not exist"), "stack network ls");
  if (!record->leases.empty()) {
    const auto& lease = record->leases.front();
    throw base::Error(base::cat("network ", name, " is in use by container ", lease.container,
                                " of stack ", lease.project),
                      base::cat("stack -p ", lease.project, " down"));
  }
  netfab::remove_bridge(record->bridge);
  forget_network(roots, name);
}

}  // namespace executor
