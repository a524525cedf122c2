#include <algorithm>

#include "base/text.hpp"
#include "spec/resolve.hpp"
#include "spec/units.hpp"

namespace spec {
namespace {

// Only what is made elsewhere tells by itself whether it is internal.
bool is_locked(const Service& service, const Stack& stack) {
  return !service.networks.empty() &&
         std::all_of(service.networks.begin(), service.networks.end(), [&](const auto& attachment) {
           const auto network = stack.networks.find(attachment.network);
           return network != stack.networks.end() && network->second.internal &&
                  !network->second.external;
         });
}

// The network that published ports lead through, as it will most likely be chosen: the one with the
// default route.
const Network* way_in(const Service& service, const Stack& stack) {
  const Network* out = nullptr;
  std::pair<int, int> highest;
  for (const Attachment& attachment : service.networks) {
    const auto network = stack.networks.find(attachment.network);
    if (network == stack.networks.end() || network->second.internal) continue;
    const std::pair<int, int> rank{attachment.gw_priority, attachment.priority};
    const bool before =
        out == nullptr || rank > highest || (rank == highest && attachment.network < out->key);
    if (!before) continue;
    out = &network->second;
    highest = rank;
  }
  return out;
}

}  // namespace

void settle_ports(Resolving& in) {
  for (auto& [name, service] : in.stack.services) {
    if (service.network_mode.kind != NetworkModeKind::Networks || service.ports.empty()) continue;
    if (is_locked(service, in.stack)) {
      in.report.warning(
          service.ports.front().place,
          base::cat("service ", name, ": ports have no effect, it is on internal networks only"),
          "attach it to a network that is not internal, too");
      service.ports.clear();
      continue;
    }
    const Network* network = way_in(service, in.stack);
    if (network == nullptr || !network->host_binding) continue;
    for (Port& port : service.ports) {
      if (!port.host_address) port.host_address = network->host_binding;
    }
  }
}

void resolve_ports(const Node& node, Service& service, Report& report) {
  if (const Node* ports = node.find("ports")) {
    for (const Node& item : ports->children) {
      Port port;
      port.place = item.place;
      const auto target = parse_port_range(item.text_of("target"));
      if (!target) continue;
      port.target_first = static_cast<std::uint16_t>(target->first);
      port.target_count = static_cast<std::uint16_t>(target->count);
      const std::string published = item.text_of("published");
      if (const auto range = parse_port_range(published); range && range->first != 0) {
        port.published_first = static_cast<std::uint16_t>(range->first);
        port.published_count = static_cast<std::uint16_t>(range->count);
      }
      if (const Node* protocol = item.find("protocol"); protocol && protocol->text == "sctp") {
        report.warning(item.place, base::cat("service ", service.name,
                                             ": ports of sctp are not published yet"));
        continue;
      }
      port.protocol = item.text_of("protocol") == "udp" ? Protocol::Udp : Protocol::Tcp;
      if (const std::string ip = item.text_of("host_ip"); !ip.empty()) {
        port.host_address = base::parse_ip(ip);
      }
      port.name = item.text_of("name");
      port.app_protocol = item.text_of("app_protocol");
      if (const std::string mode = item.text_of("mode"); !mode.empty()) port.mode = mode;
      service.ports.push_back(std::move(port));
    }
  }
  if (const Node* expose = node.find("expose")) {
    for (const Node& item : expose->children) {
      std::string_view text = item.text;
      const std::size_t slash = text.find('/');
      const std::string_view protocol =
          slash == std::string_view::npos ? std::string_view("tcp") : text.substr(slash + 1);
      const auto range = parse_port_range(text.substr(0, slash));
      if (!range || range->first == 0 || (protocol != "tcp" && protocol != "udp")) {
        report.run_error(
            item.place,
            base::cat("service ", service.name, ": expose: '", item.text, "' is not a port"),
            "a port is a number from 1 to 65535, or a range, with /udp where it is udp");
        continue;
      }
      service.expose.push_back(item.text);
    }
  }
}

}  // namespace spec
