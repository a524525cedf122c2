#include <unistd.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/commands.hpp"
#include "cli/errors.hpp"
#include "cli/objects.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "executor/world.hpp"

namespace cli {

namespace {

using executor::NetworkRecord;

int create(const Context& context, const Arguments& args) {
  require_root("network create");
  executor::NetworkRequest request;
  request.name = args.names.front();
  check_object_name("network", request.name);
  request.internal = args.object.internal;
  request.enable_ipv6 = args.object.ipv6;
  request.labels = parse_labels(args.object.labels);
  for (const std::string& text : args.object.subnets) {
    const auto subnet = base::parse_cidr(text);
    if (!subnet)
      throw base::Error(base::cat("--subnet: not a subnet: ", text), "for example 10.20.0.0/24");
    request.subnets.push_back(*subnet);
  }
  for (const std::string& text : args.object.gateways) {
    const auto address = base::parse_ip(text);
    if (!address) throw base::Error(base::cat("--gateway: not an address: ", text));
    request.gateways.push_back(*address);
  }
  write_text(STDOUT_FILENO, executor::create_network(context.roots, request).name + "\n");
  return kDone;
}

std::string subnets_text(const NetworkRecord& record) {
  std::vector<std::string> out;
  for (const base::Cidr& each : record.bridge.addresses) out.push_back(each.network().str());
  return base::join(out, ", ");
}

nlohmann::json describe(const NetworkRecord& record) {
  using nlohmann::json;
  json ipam = json::array(), containers = json::object();
  for (const base::Cidr& each : record.bridge.addresses) {
    ipam.push_back({{"Subnet", each.network().str()}, {"Gateway", each.address.str()}});
  }
  for (const NetworkRecord::Lease& lease : record.leases) {
    json addresses = json::array();
    for (const auto& each : lease.addresses) addresses.push_back(each.str());
    containers[lease.container] = {{"Project", lease.project},
                                   {"Service", lease.service},
                                   {"Addresses", addresses},
                                   {"Aliases", lease.aliases}};
  }
  return {{"Name", record.name},
          {"Id", record.bridge.device},
          {"Project", record.project},
          {"Driver", "bridge"},
          {"Scope", "local"},
          {"Internal", record.internal},
          {"EnableIPv6", record.enable_ipv6},
          {"IPAM", {{"Driver", "default"}, {"Config", ipam}}},
          {"Bridge", record.bridge.device},
          {"Containers", containers},
          {"Labels", record.labels}};
}

int list(const Context& context, const Arguments& args) {
  Table table({"NAME", "DRIVER", "SUBNET", "STACK", "CONTAINERS"});
  std::string names, lines;
  for (const NetworkRecord& each : executor::read_networks(context.roots)) {
    names += each.name + "\n";
    lines += describe(each).dump() + "\n";
    table.add({each.name, each.internal ? "bridge (internal)" : "bridge", subnets_text(each),
               each.project, std::to_string(each.leases.size())});
  }
  write_text(STDOUT_FILENO, args.list.quiet ? names : args.format == "json" ? lines : table.str());
  return kDone;
}

base::Error no_such(const Context& context, const std::string& name) {
  std::vector<std::string> known;
  for (const NetworkRecord& each : executor::read_networks(context.roots))
    known.push_back(each.name);
  return base::Error(base::cat("no such network: ", name),
                     base::did_you_mean(name, base::nearest(name, known)));
}

int inspect(const Context& context, const Arguments& args) {
  nlohmann::json array = nlohmann::json::array();
  for (const std::string& name : args.names) {
    check_object_name("network", name);
    const auto record = executor::read_network(context.roots, name);
    if (!record) throw no_such(context, name);
    array.push_back(describe(*record));
  }
  write_text(STDOUT_FILENO, array.dump(2) + "\n");
  return kDone;
}

int remove(const Context& context, const Arguments& args) {
  require_root("network rm");
  return remove_each(context, args.names, [&](const std::string& name) {
    check_object_name("network", name);
    const auto record = executor::read_network(context.roots, name);
    if (!record) {
      if (args.object.force) return;
      throw no_such(context, name);
    }
    if (!record->project.empty() && executor::recorded_intent({context.roots, record->project})) {
      throw base::Error(base::cat("network ", name, " belongs to stack ", record->project),
                        base::cat("stack -p ", record->project, " down"));
    }
    executor::destroy_network(context.roots, name);
  });
}

int prune(const Context& context, const Arguments& args) {
  require_root("network prune");
  const auto used = objects_in_use(context, ObjectKind::Network);
  std::vector<std::string> unused;
  for (const NetworkRecord& each : executor::read_networks(context.roots)) {
    const bool has_owner = !each.project.empty() &&
                           executor::recorded_intent({context.roots, each.project}).has_value();
    if (each.leases.empty() && !has_owner && used.count(each.name) == 0)
      unused.push_back(each.name);
  }
  if (unused.empty()) return kDone;
  if (!agreed(base::cat("Remove these networks: ", base::join(unused, ", "), "?"),
              args.object.force)) {
    return kFailed;
  }
  return remove_each(context, unused, [&](const std::string& name) {
    executor::destroy_network(context.roots, name);
  });
}

}  // namespace

int network(const Context& context, const Arguments& args) {
  if (args.command == "network create") return create(context, args);
  if (args.command == "network ls") return list(context, args);
  if (args.command == "network inspect") return inspect(context, args);
  if (args.command == "network rm") return remove(context, args);
  return prune(context, args);
}

}  // namespace cli
