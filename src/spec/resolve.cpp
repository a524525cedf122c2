#include "spec/resolve.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spec {

void read_map(const Node& node, std::string_view key, StringMap& out) {
  const Node* map = node.find(key);
  if (map == nullptr) return;
  for (const Node& child : map->children) {
    if (!child.is_null()) out[child.key] = child.text;
  }
}

namespace {

// "db", "web-1", "my.service": what compose takes as a key.
void check_keys(const Node& document, Report& report) {
  for (const char* kind : {"services", "volumes", "configs", "secrets"}) {
    const Node* map = document.find(kind);
    if (map == nullptr) continue;
    for (const Node& child : map->children) {
      bool fine = !child.key.empty();
      for (const char c : child.key) {
        fine = fine && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-');
      }
      if (!fine) {
        report.error(child.key_place, base::cat(kind, ": '", child.key, "' is not a name"),
                     "letters, digits, '.', '_' and '-'");
      }
    }
  }
}

struct Held {
  const Port* port;
  const Service* service;
  [[nodiscard]] unsigned first() const { return port->published_first; }
  [[nodiscard]] unsigned last() const { return first() + port->published_count - 1U; }
};

void check_ports(Resolving& in) {
  std::vector<Held> held;
  for (const auto& [name, service] : in.stack.services) {
    if (service.network_mode.kind != NetworkModeKind::Networks) continue;
    for (const Port& port : service.ports) {
      // A choice out of an interval finds a free one.
      if (port.published_first == 0 || port.published_count != port.target_count) continue;
      held.push_back({&port, &service});
    }
  }
  std::stable_sort(held.begin(), held.end(),
                   [](const Held& a, const Held& b) { return a.first() < b.first(); });
  for (std::size_t i = 0; i < held.size(); ++i) {
    for (std::size_t j = i + 1; j < held.size() && held[j].first() <= held[i].last(); ++j) {
      if (held[i].port->protocol != held[j].port->protocol) continue;
      if (!share_ports(held[i].port->host_address, held[j].port->host_address)) continue;
      const bool later = held[i].port->place < held[j].port->place;
      const Held& second = later ? held[j] : held[i];
      const Held& first = later ? held[i] : held[j];
      in.report.run_error(second.port->place,
                          base::cat("service ", second.service->name, ": port ",
                                    std::max(first.first(), second.first()),
                                    " of the host is taken by service ", first.service->name),
                          "publish one of the two on another port or address",
                          {{first.port->place, "the other one"}});
      break;
    }
  }
}

void check_names(Resolving& in) {
  std::map<std::string, const Service*> names;
  for (const auto& [name, service] : in.stack.services) {
    if (service.container_name.empty()) continue;
    const auto [at, added] = names.emplace(service.container_name, &service);
    if (added) continue;
    const Service* first = at->second;
    const Service* second = &service;
    if (second->place < first->place) std::swap(first, second);
    const auto place = [&](const Service& s) {
      return in.document.find("services")->find(s.name)->find("container_name")->place;
    };
    in.report.error(place(*second),
                    base::cat("service ", second->name, ": the container_name '",
                              service.container_name, "' is used by service ", first->name),
                    "a container's name must be its own", {{place(*first), "first used here"}});
  }
}

// Networks and volumes that no service of the active profiles refers to are not made.
void drop_unused(Stack& stack) {
  std::map<std::string, bool> networks, volumes;
  for (const auto& [name, service] : stack.services) {
    for (const Attachment& attachment : service.networks) networks[attachment.network] = true;
    for (const Mount& mount : service.mounts) {
      if (mount.type == MountType::Volume) volumes[mount.source] = true;
    }
  }
  std::erase_if(stack.networks, [&](const auto& item) { return networks.count(item.first) == 0; });
  std::erase_if(stack.volumes, [&](const auto& item) { return volumes.count(item.first) == 0; });
}

}  // namespace

void check_services(Resolving& in) {
  check_names(in);
  check_ports(in);
  check_cycles(in);
}

void resolve(Resolving& in) {
  check_keys(in.document, in.report);
  resolve_networks(in);
  resolve_volumes(in);
  resolve_file_objects(in);
  const Node* services = in.document.find("services");
  if (services == nullptr) return;
  for (const Node& node : services->children) in.stack.services[node.key];
  for (const Node& node : services->children) {
    resolve_service(node, in.stack.services[node.key], in);
    resolve_extras(node, in.stack.services[node.key].extras);
    check_consistency(node, in);
  }
  settle_ports(in);
  check_services(in);
  drop_unused(in.stack);
  check_volume_options(in);
}

std::string Stack::describe(const Place& place) const {
  if (!place.known() || place.file >= files.size()) return {};
  return base::cat(files[place.file], ":", place.line, ":", place.column);
}

}  // namespace spec
