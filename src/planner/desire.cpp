// desire(): Stack + World → DesiredState. Rules of names and argv follow docker compose; where the
// Compose Specification is silent, docker's behaviour decides.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <set>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "planner/addresses.hpp"
#include "planner/desire_mounts.hpp"
#include "planner/desire_ports.hpp"
#include "planner/desired.hpp"
#include "planner/file_objects.hpp"
#include "planner/graph.hpp"
#include "planner/interfaces.hpp"
#include "planner/problems.hpp"

namespace planner {

using base::cat;
using base::Family;
using base::IpAddress;

namespace {

constexpr const char* default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string container_name(const spec::Stack& stack, const spec::Service& service, unsigned index) {
  if (!service.container_name.empty()) return service.container_name;
  return cat(stack.name, "-", service.name, "-", index);
}

// A host name of letters, digits and hyphens, at most 63 long (RFC 1123).
std::string host_name_from(const std::string& name) {
  std::string out = name.substr(0, 63);
  for (char& c : out) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!fine) c = '-';
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  const std::size_t start = out.find_first_not_of('-');
  out = start == std::string::npos ? std::string() : out.substr(start);
  return out.empty() ? "container" : out;
}

class Desirer {
 public:
  Desirer(const spec::Stack& stack, const World& world, const KernelNames& names)
      : stack_(stack), world_(world), names_(names), problems_(stack) {}

  DesiredState run() {
    const std::vector<std::string> order = dependency_graph(stack_).order();
    out_.project = stack_.name;
    out_.working_dir = stack_.working_dir;
    out_.config_files = stack_.config_files;
    for (const auto& entry : stack_.services) out_.services.push_back(entry.first);
    for (const auto& entry : stack_.volumes) {
      const spec::Volume& volume = entry.second;
      const auto made = world_.volume_options.find(volume.name);
      out_.volumes.push_back({volume.key, volume.name, volume.external,
                              !volume.external                      ? volume.driver_opts
                              : made == world_.volume_options.end() ? spec::StringMap()
                                                                    : made->second,
                              volume.labels});
    }

    std::map<std::string, std::size_t> needs;
    for (const auto& entry : stack_.services) {
      for (const spec::Attachment& at : attachments(entry.second)) {
        needs[at.network] += entry.second.replicas;
      }
    }
    networks_ = place_networks(stack_, world_, names_, needs, problems_);
    problems_.throw_if_any();
    for (const auto& entry : networks_) out_.networks.push_back(entry.second.network);

    // Requested and leased addresses of all come before anybody's free choice.
    assign_fixed_addresses(order);
    for (const std::string& name : order) {
      const spec::Service& service = stack_.services.at(name);
      if (!service.container_name.empty() && service.replicas > 1) {
        problems_.add(service.place,
                      cat("service \"", name, "\" has a container_name and ", service.replicas,
                          " replicas: names must differ"),
                      "remove container_name, and each replica is named by its number");
        continue;
      }
      for (unsigned index = 1; index <= service.replicas; ++index) {
        out_.containers.push_back(desire_container(service, index));
      }
    }
    check_names();
    choose_from_intervals(std::move(open_ports_), world_, out_.containers, problems_);
    check_port_conflicts(stack_, out_.containers, problems_);
    problems_.throw_if_any();
    return std::move(out_);
  }

 private:
  // In the order of interfaces: eth0 first. As docker compose: higher priority first, then by name.
  std::vector<spec::Attachment> attachments(const spec::Service& service) const {
    if (service.network_mode.kind != spec::NetworkModeKind::Networks) return {};
    std::vector<spec::Attachment> out = service.networks;
    if (out.empty() && stack_.networks.count("default") != 0) {
      spec::Attachment usual;
      usual.network = "default";
      out.push_back(usual);
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const spec::Attachment& a, const spec::Attachment& b) {
                       if (a.priority != b.priority) return a.priority > b.priority;
                       return a.network < b.network;
                     });
    return out;
  }

  std::string lease_key(const std::string& container) const {
    return cat(stack_.name, "/", container);
  }

  using AddressKey = std::pair<std::string, std::string>;  // container, network key

  void assign_fixed_addresses(const std::vector<std::string>& order) {
    for (const bool requested : {true, false}) {
      for (const std::string& name : order) {
        const spec::Service& service = stack_.services.at(name);
        for (unsigned index = 1; index <= service.replicas; ++index) {
          const std::string container = container_name(stack_, service, index);
          for (const spec::Attachment& at : attachments(service)) {
            if (requested) {
              request(service, container, at, at.ipv4_address);
              request(service, container, at, at.ipv6_address);
            } else {
              keep_leased(container, at);
            }
          }
        }
      }
    }
  }

  void request(const spec::Service& service, const std::string& container,
               const spec::Attachment& at, const std::optional<IpAddress>& wanted) {
    if (!wanted) return;
    const auto network = networks_.find(at.network);
    if (network == networks_.end()) return;  // told when its endpoint is made
    const spec::Place place = at.place.known() ? at.place : service.place;
    const std::string who = cat("service \"", service.name, "\": address ", wanted->str());
    AddressBook* book = network->second.book(wanted->family);
    if (book == nullptr) {
      problems_.add(place, cat(who, ": network \"", at.network, "\" has no IPv6 subnet"),
                    "set enable_ipv6: true on the network");
      return;
    }
    if (!book->usable(*wanted)) {
      problems_.add(
          place,
          cat(who, " cannot be given on network \"", at.network, "\", whose subnet is ",
              book->subnet().range.str(), " with gateway ", book->subnet().gateway.str()),
          "choose an address inside the subnet; give the network an ipam subnet so that it "
          "stays the same");
      return;
    }
    if (const auto holder = book->holder(*wanted)) {
      problems_.add(place,
                    cat(who, " on network \"", at.network, "\" is already taken by ", *holder),
                    service.replicas > 1 ? "replicas cannot share one fixed address" : "");
      return;
    }
    book->hold(*wanted, container);
    given_[{container, at.network}].push_back(*wanted);
  }

  void keep_leased(const std::string& container, const spec::Attachment& at) {
    const auto network = networks_.find(at.network);
    if (network == networks_.end()) return;
    const auto known = world_.networks.find(network->second.network.name);
    if (known == world_.networks.end()) return;
    const auto lease = known->second.addresses.find(lease_key(container));
    if (lease == known->second.addresses.end()) return;
    for (const IpAddress& address : lease->second) {
      AddressBook* book = network->second.book(address.family);
      if (book == nullptr || has_address(container, at.network, address.family)) continue;
      if (!book->usable(address) || book->holder(address)) continue;
      book->hold(address, container);
      given_[{container, at.network}].push_back(address);
    }
  }

  bool has_address(const std::string& container, const std::string& network, Family family) const {
    const auto at = given_.find({container, network});
    return at != given_.end() &&
           std::any_of(at->second.begin(), at->second.end(),
                       [&](const IpAddress& address) { return address.family == family; });
  }

  EndpointSpec desire_endpoint(const spec::Service& service, const Container& container,
                               const spec::Attachment& at, const std::string& device) {
    PlacedNetwork& placed = networks_.at(at.network);
    const std::string& network = placed.network.name;
    EndpointSpec out;
    out.network = network;
    const auto add_alias = [&](const std::string& name) {
      if (std::find(out.aliases.begin(), out.aliases.end(), name) == out.aliases.end()) {
        out.aliases.push_back(name);
      }
    };
    add_alias(service.name);
    add_alias(container.name);
    for (const std::string& alias : at.aliases) add_alias(alias);

    netfab::Endpoint& link = out.link;
    link.device = cat("sv-", names_.tag("endpoint", cat(container.name, "/", network)));
    link.label = cat(stack_.name, "/", container.name, "/", network);
    link.bridge = placed.network.bridge.device;
    link.netns = names_.netns(container.name);
    link.inner_device = device;
    link.mac = at.mac_address;
    for (const Family family : {Family::V4, Family::V6}) {
      AddressBook* book = placed.book(family);
      if (book == nullptr) continue;
      std::vector<IpAddress>& given = given_[{container.name, at.network}];
      auto found = std::find_if(given.begin(), given.end(),
                                [&](const IpAddress& a) { return a.family == family; });
      if (found == given.end()) {
        const auto free = book->lowest_free();
        if (!free) {
          problems_.add(at.place.known() ? at.place : service.place,
                        cat("network \"", at.network, "\": no address is left in ",
                            book->subnet().range.str(), " for ", container.name),
                        "give the network a larger ipam subnet, or fewer containers");
          continue;
        }
        book->hold(*free, container.name);
        found = given.insert(given.end(), *free);
      }
      link.addresses.push_back({*found, book->subnet().range.prefix});
    }
    return out;
  }

  [[nodiscard]] const netfab::Endpoint* kept_link(const Container& container,
                                                  const spec::Attachment& at) const {
    const std::string& network = networks_.at(at.network).network.name;
    const auto found = world_.links.find(cat(container.name, "|", network));
    return found == world_.links.end() ? nullptr : &found->second;
  }

  bool had_route(const Container& container, const spec::Attachment& at, Family family) const {
    const netfab::Endpoint* kept = kept_link(container, at);
    return kept != nullptr &&
           std::any_of(kept->gateways.begin(), kept->gateways.end(),
                       [&](const IpAddress& gateway) { return gateway.family == family; });
  }

  std::vector<std::string> interfaces_of(const Container& container,
                                         const std::vector<spec::Attachment>& order) const {
    const bool ordered = std::any_of(order.begin(), order.end(),
                                     [](const auto& each) { return each.priority != 0; });
    std::vector<const netfab::Endpoint*> kept;
    for (const auto& at : order) kept.push_back(ordered ? nullptr : kept_link(container, at));
    return name_interfaces(kept);
  }

  // The default route goes out through one network: the highest gw_priority, then the one it goes
  // through now, then the first interface.
  void choose_default_routes(Container& container, const std::vector<spec::Attachment>& order) {
    for (const Family family : {Family::V4, Family::V6}) {
      std::size_t best = order.size();
      for (std::size_t i = 0; i < order.size(); ++i) {
        PlacedNetwork& placed = networks_.at(order[i].network);
        if (!placed.has_gateway || placed.book(family) == nullptr) continue;
        if (best == order.size() || order[i].gw_priority > order[best].gw_priority ||
            (order[i].gw_priority == order[best].gw_priority &&
             !had_route(container, order[best], family) && had_route(container, order[i], family) &&
             order[i].priority == order[best].priority)) {
          best = i;
        }
      }
      if (best == order.size()) continue;
      container.endpoints[best].link.gateways.push_back(
          networks_.at(order[best].network).book(family)->subnet().gateway);
    }
  }

  void desire_network(const spec::Service& service, Container& container) {
    switch (service.network_mode.kind) {
      case spec::NetworkModeKind::None:
        container.network = NetworkKind::None;
        return;
      case spec::NetworkModeKind::Host:
        container.network = NetworkKind::Host;
        return;
      case spec::NetworkModeKind::Service: {
        container.network = NetworkKind::Container;
        const auto other = stack_.services.find(service.network_mode.name);
        if (other == stack_.services.end() || other->second.replicas == 0) {
          problems_.add(service.place,
                        cat("service \"", service.name, "\" uses the network of service \"",
                            service.network_mode.name, "\", which has no container"));
          return;
        }
        container.network_container = container_name(stack_, other->second, 1);
        return;
      }
      case spec::NetworkModeKind::Container:
        container.network = NetworkKind::Container;
        container.network_container = service.network_mode.name;
        return;
      case spec::NetworkModeKind::Networks:
        break;
    }
    const std::vector<spec::Attachment> order = attachments(service);
    for (const spec::Attachment& at : order) {
      if (networks_.count(at.network) == 0) {
        problems_.add(
            at.place.known() ? at.place : service.place,
            cat("service \"", service.name, "\" refers to undefined network \"", at.network, "\""),
            "declare it under the top-level `networks`");
        return;
      }
    }
    const std::vector<std::string> devices = interfaces_of(container, order);
    for (std::size_t i = 0; i < order.size(); ++i) {
      container.endpoints.push_back(desire_endpoint(service, container, order[i], devices[i]));
    }
    choose_default_routes(container, order);
  }

  void desire_command(const spec::Service& service, const ImageFacts& image, Container& container) {
    // An entrypoint of the stack file clears the image's command (docker's rule).
    const bool own_entrypoint = service.entrypoint.has_value();
    container.argv = own_entrypoint ? *service.entrypoint : image.entrypoint;
    if (service.command) {
      container.argv.insert(container.argv.end(), service.command->begin(), service.command->end());
    } else if (!own_entrypoint) {
      container.argv.insert(container.argv.end(), image.command.begin(), image.command.end());
    }
    // The image of a service that nobody asked for need not be here.
    if (container.argv.empty() && world_.absent_images.count(image_key(service)) == 0) {
      problems_.add(service.image.place.known() ? service.image.place : service.place,
                    cat("service \"", service.name, "\" has no command: image \"",
                        service.image.value, "\" gives none; set command:"));
    }
    std::map<std::string, std::string> environment;
    environment.emplace("PATH", default_path);
    for (const std::string& entry : image.environment) {
      const std::size_t equals = entry.find('=');
      if (equals != std::string::npos) {
        environment[entry.substr(0, equals)] = entry.substr(equals + 1);
      }
    }
    for (const auto& entry : service.environment) environment[entry.first] = entry.second;
    for (const auto& entry : environment) {
      container.environment.push_back(cat(entry.first, "=", entry.second));
    }
  }

  // The same for every replica.
  void give_files(const spec::Service& service, Container& container) {
    auto [at, added] = files_.try_emplace(service.name);
    if (added) at->second = desire_files(stack_, service, world_, problems_);
    container.configs = at->second.configs;
    container.secrets = at->second.secrets;
  }

  void desire_security(const spec::Service& service, Container& container) {
    for (const std::string& option : service.security_opt) {
      const std::size_t split = option.find_first_of(":=");
      const std::string key = option.substr(0, split);
      const std::string value =
          split == std::string::npos ? std::string() : option.substr(split + 1);
      if (key == "no-new-privileges") {
        container.no_new_privileges = value != "false";
      } else if (key == "seccomp") {
        if (value == "unconfined") {
          container.seccomp = value;
        } else if (value.empty() || value == "builtin" || value == "default") {
          container.seccomp.clear();
        } else {
          container.seccomp = base::absolute_path(stack_.working_dir, value);
        }
      }
    }
    const std::string& wanted =
        service.stop_signal.empty() ? image_of(service).stop_signal : service.stop_signal;
    if (wanted.empty()) return;
    if (const auto number = base::parse_signal(wanted)) {
      container.stop_signal = *number;
    } else {
      problems_.add(
          service.place,
          cat("service \"", service.name, "\": stop_signal \"", wanted, "\" is not a signal"),
          "write a name such as SIGTERM or a number");
    }
  }

  // As dockerd has it, each part by itself: the file's, else the image's, else the default.
  static std::optional<spec::Healthcheck> desire_health(const spec::Service& service,
                                                        const ImageFacts& image) {
    spec::Healthcheck out = service.healthcheck.value_or(spec::Healthcheck::unsaid());
    for (const spec::Healthcheck& below :
         {image.healthcheck.value_or(spec::Healthcheck::unsaid()), spec::Healthcheck()}) {
      const auto inherit = [&](auto part) {
        if (out.*part == std::decay_t<decltype(out.*part)>{}) out.*part = below.*part;
      };
      inherit(&spec::Healthcheck::test);
      inherit(&spec::Healthcheck::interval);
      inherit(&spec::Healthcheck::timeout);
      inherit(&spec::Healthcheck::start_period);
      inherit(&spec::Healthcheck::start_interval);
      inherit(&spec::Healthcheck::retries);
    }
    if (out.disabled || out.test.empty() || out.test.front() == "NONE") return {};
    return out;
  }

  std::vector<HookSpec> desire_hooks(const std::vector<spec::Hook>& hooks) const {
    std::vector<HookSpec> out;
    for (const spec::Hook& hook : hooks) {
      HookSpec& added = out.emplace_back(HookSpec{hook.command,
                                                  hook.user,
                                                  hook.working_dir,
                                                  {},
                                                  hook.privileged,
                                                  hook.image,
                                                  {},
                                                  hook.per_replica});
      // What has no image of its own has the container's.
      if (const auto image = world_.images.find(hook.image); image != world_.images.end()) {
        added.image_id = image->second.id;
      }
      for (const auto& [name, value] : hook.environment) {
        added.environment.push_back(cat(name, "=", value));
      }
    }
    return out;
  }

  void desire_hosts(const spec::Service& service, Container& container) {
    for (const std::string& entry : service.extra_hosts) {
      const std::size_t equals = entry.find('=');
      if (equals == std::string::npos || entry.substr(equals + 1) != "host-gateway") {
        container.extra_hosts.push_back(entry);
        continue;
      }
      // The host as seen from the container: the gateway of its default route, else of its first
      // network.
      std::optional<IpAddress> host;
      for (const EndpointSpec& endpoint : container.endpoints) {
        if (!endpoint.link.gateways.empty() && !host) host = endpoint.link.gateways.front();
      }
      if (!host && !container.endpoints.empty()) {
        for (const auto& network : networks_) {
          if (network.second.network.name == container.endpoints.front().network &&
              !network.second.network.bridge.addresses.empty()) {
            host = network.second.network.bridge.addresses.front().address;
          }
        }
      }
      if (!host && container.network == NetworkKind::Host) {
        host = IpAddress::from_v4((127U << 24U) | 1U);
      }
      if (!host) {
        problems_.add(service.place, cat("service \"", service.name,
                                         "\": host-gateway needs a network of its own"));
        continue;
      }
      container.extra_hosts.push_back(cat(entry.substr(0, equals), "=", host->str()));
    }
  }

  void desire_dependencies(const spec::Service& service, Container& container) {
    for (const spec::Dependency& dependency : service.depends_on) {
      const auto other = stack_.services.find(dependency.service);
      if (other == stack_.services.end()) continue;  // not required: the loader has checked
      for (unsigned index = 1; index <= other->second.replicas; ++index) {
        container.depends_on.push_back({container_name(stack_, other->second, index),
                                        dependency.condition, dependency.required,
                                        dependency.restart});
      }
    }
  }

  const ImageFacts& image_of(const spec::Service& service) const {
    static const ImageFacts none;
    const auto at = world_.images.find(image_key(service));
    return at == world_.images.end() ? none : at->second;
  }

  Container desire_container(const spec::Service& service, unsigned index) {
    const ImageFacts& image = image_of(service);
    Container out;
    out.name = container_name(stack_, service, index);
    out.service = service.name;
    out.index = index;
    out.place = stack_.describe(service.place);
    out.image = service.image.value;
    out.image_id = image.id;
    desire_command(service, image, out);
    out.working_dir = !service.working_dir.empty() ? service.working_dir
                      : !image.working_dir.empty() ? image.working_dir
                                                   : "/";
    out.user = service.user.value.empty() ? image.user : service.user.value;
    out.group_add = service.group_add;
    out.hostname = service.hostname.empty() ? host_name_from(out.name) : service.hostname;
    out.domainname = service.domainname;
    give_files(service, out);
    desire_mounts(stack_, service, image, out, out_, problems_);
    desire_network(service, out);
    publish_ports(service, networks_, world_, out, open_ports_, problems_);
    desire_dependencies(service, out);
    out.healthcheck = desire_health(service, image);
    out.restart = service.restart;
    out.restart_unhealthy = service.restart_unhealthy;
    out.pre_start = desire_hooks(service.extras.pre_start);
    out.post_start = desire_hooks(service.extras.post_start);
    out.pre_stop = desire_hooks(service.extras.pre_stop);
    out.stop_grace_period = service.stop_grace_period;
    out.init = service.init;
    out.tty = service.tty;
    out.stdin_open = service.stdin_open;
    out.read_only = service.read_only;
    out.privileged = service.privileged;
    out.cap_add = service.cap_add;
    out.cap_drop = service.cap_drop;
    desire_security(service, out);
    out.ulimits = service.ulimits;
    out.sysctls = service.sysctls;
    out.shm_size = service.shm_size;
    out.devices = service.devices;
    out.limits = service.limits;
    out.oom_score_adj = service.oom_score_adj;
    out.labels = service.labels;
    out.labels.insert(image.labels.begin(), image.labels.end());
    desire_hosts(service, out);
    out.dns = service.dns;
    out.dns_search = service.dns_search;
    out.dns_opt = service.dns_opt;
    out.logging = service.logging;
    return out;
  }

  void check_names() {
    std::map<std::string, std::string> seen;
    for (const Container& container : out_.containers) {
      const auto entry = seen.emplace(container.name, container.service);
      if (entry.second) continue;
      problems_.add(stack_.services.at(container.service).place,
                    cat("services \"", entry.first->second, "\" and \"", container.service,
                        "\" would both be container ", container.name),
                    "give one of them another container_name");
    }
  }

  const spec::Stack& stack_;
  const World& world_;
  const KernelNames& names_;
  Problems problems_;
  DesiredState out_;
  std::map<std::string, PlacedNetwork> networks_;      // by key
  std::map<std::string, World::RecordedFiles> files_;  // by service
  std::map<AddressKey, std::vector<IpAddress>> given_;
  OpenPorts open_ports_;
};

}  // namespace

DesiredState desire(const spec::Stack& stack, const World& world, const KernelNames& names) {
  return Desirer(stack, world, names).run();
}

}  // namespace planner
