#include "base/text.hpp"
#include "spec/resolve.hpp"
#include "spec/volume_options.hpp"

namespace spec {
namespace {

bool is_true(const Node& node, std::string_view key) {
  const Node* child = node.find(key);
  return child != nullptr && child->is_true();
}

// What is made elsewhere cannot be described here; docker compose ignores it.
void check_external(const Node& node, Report& report) {
  if (!is_true(node, "external")) return;
  for (const char* key : {"driver", "driver_opts", "labels", "ipam", "internal"}) {
    const Node* other = node.find(key);
    if (other == nullptr || other->via == Via::Default) continue;
    report.warning(other->key_place,
                   base::cat("network ", node.key, ": ", key, " has no effect, it is external"),
                   "an external one is made elsewhere: only its name can be given");
  }
}

constexpr const char* kMtu = "com.docker.network.driver.mtu";
constexpr const char* kHostBinding = "com.docker.network.bridge.host_binding_ipv4";

void read_network_options(const Node& node, Network& network, Report& report) {
  const Node* options = node.find("driver_opts");
  if (options == nullptr || network.external) return;
  for (const Node& option : options->children) {
    network.driver_opts[option.key] = option.text;
    if (option.key == kHostBinding) {
      network.host_binding = base::parse_ip(option.text);
      if (network.host_binding && network.host_binding->is_v4()) continue;
      report.run_error(option.place, base::cat("network ", node.key, ": '", option.text,
                                               "' is not an IPv4 address"));
    } else if (option.key != kMtu) {
      report.warning(option.key_place, base::cat("network ", node.key, ": the option ", option.key,
                                                 " has no effect yet"));
    }
  }
}

void read_ipam(const Node& node, Network& network, std::vector<Place>& places, Report& report) {
  const Node* ipam = node.find("ipam");
  const Node* config = ipam == nullptr ? nullptr : ipam->find("config");
  if (config == nullptr) return;
  for (const Node& pool : config->children) {
    const Node* subnet = pool.find("subnet");
    if (subnet == nullptr) continue;
    const auto cidr = base::parse_cidr(subnet->text);
    if (!cidr) {
      report.run_error(subnet->place,
                       base::cat("network ", network.key, ": '", subnet->text, "' is not a subnet"),
                       "a subnet reads ADDRESS/PREFIX: 172.28.0.0/16, fd00:1::/64");
      continue;
    }
    if (cidr->network() != *cidr) {
      report.run_error(subnet->place,
                       base::cat("network ", network.key, ": ", subnet->text, " has host bits set"),
                       base::cat("did you mean ", cidr->network().str(), "?"));
      continue;
    }
    for (std::size_t i = 0; i < network.subnets.size(); ++i) {
      if (network.subnets[i].address.family != cidr->address.family) continue;
      report.run_error(
          subnet->place, base::cat("network ", network.key, ": a second subnet of the same family"),
          "a network has one IPv4 and one IPv6 subnet at most", {{places[i], "the first one"}});
    }
    network.subnets.push_back(*cidr);
    places.push_back(subnet->place);
    if (const Node* gateway = pool.find("gateway")) {
      const auto address = base::parse_ip(gateway->text);
      if (!address) {
        report.run_error(gateway->place, base::cat("network ", network.key, ": '", gateway->text,
                                                   "' is not an IP address"));
      } else if (!cidr->contains(*address)) {
        report.run_error(gateway->place,
                         base::cat("network ", network.key, ": the gateway ", gateway->text,
                                   " is outside of ", subnet->text),
                         {}, {{subnet->place, "the subnet"}});
      } else {
        network.gateways.push_back(*address);
      }
    }
  }
}

}  // namespace

void resolve_networks(Resolving& in) {
  const Node* all = in.document.find("networks");
  if (all == nullptr) return;
  struct Taken {
    base::Cidr cidr;
    Place place;
    std::string key;
  };
  std::vector<Taken> taken;
  for (const Node& node : all->children) {
    Network& network = in.stack.networks[node.key];
    network.key = node.key;
    network.name = node.text_of("name");
    check_external(node, in.report);
    network.place = node.key_place;
    network.external = is_true(node, "external");
    network.internal = is_true(node, "internal");
    network.enable_ipv6 = is_true(node, "enable_ipv6");
    read_network_options(node, network, in.report);
    read_map(node, "labels", network.labels);
    if (const Node* driver = node.find("driver"); driver != nullptr && !driver->text.empty()) {
      if (driver->text != "bridge" && driver->text != "default" && !network.external) {
        in.report.warning(driver->place,
                          base::cat("network ", node.key, ": the driver '", driver->text,
                                    "' has no effect yet, a bridge "
                                    "is used"));
      }
    }
    std::vector<Place> places;
    read_ipam(node, network, places, in.report);
    for (std::size_t i = 0; i < network.subnets.size() && i < places.size(); ++i) {
      for (const Taken& other : taken) {
        if (other.cidr.overlaps(network.subnets[i])) {
          in.report.run_error(places[i],
                              base::cat("network ", node.key, ": ", network.subnets[i].str(),
                                        " overlaps the subnet of network ", other.key),
                              "give each network a range of its own",
                              {{other.place, "the other subnet"}});
        }
      }
      taken.push_back({network.subnets[i], places[i], node.key});
    }
  }
}

void check_volume_options(Resolving& in) {
  for (const auto& [key, volume] : in.stack.volumes) {
    if (volume.external || volume.driver_opts.empty()) continue;
    const Node& node = *in.document.find("volumes")->find(key);
    const Node& map = *node.find("driver_opts");
    if (!volume.driver.empty() && volume.driver != "local") {
      in.report.run_error(
          node.find("driver")->place,
          base::cat("volume ", key, ": the driver '", volume.driver,
                    "' is not here, its driver_opts cannot be honoured"),
          "mount it on the host, and give its folder: type: none, o: bind, device: /path");
      continue;
    }
    const VolumeOptions options = read_volume_options(volume.driver_opts);
    const Node* at = map.find(options.at);
    if (!options.problem.empty()) {
      in.report.run_error(at != nullptr ? at->place : map.key_place,
                          base::cat("volume ", key, ": ", options.problem), options.hint);
    }
    for (const std::string& word : options.without_effect) {
      in.report.warning(map.find("o")->place,
                        base::cat("volume ", key, ": the option '", word, "' has no effect yet"));
    }
  }
}

void resolve_volumes(Resolving& in) {
  const Node* all = in.document.find("volumes");
  if (all == nullptr) return;
  for (const Node& node : all->children) {
    Volume& volume = in.stack.volumes[node.key];
    volume.key = node.key;
    volume.name = node.text_of("name");
    volume.place = node.key_place;
    volume.external = is_true(node, "external");
    volume.driver = node.text_of("driver");
    read_map(node, "driver_opts", volume.driver_opts);
    read_map(node, "labels", volume.labels);
    if (const Node* options = node.find("driver_opts")) {
      const Node* device = options->find("device");
      volume.device_place = device != nullptr ? device->place : options->key_place;
    }
    const bool foreign = !volume.driver.empty() && volume.driver != "local" && !volume.external;
    // With options of its own it is not to be had in a folder: told where it is used.
    if (foreign && volume.driver_opts.empty()) {
      in.report.warning(node.find("driver")->place,
                        base::cat("volume ", node.key, ": the driver '", volume.driver,
                                  "' has no effect yet, a local folder is used"));
    }
  }
}

}  // namespace spec
