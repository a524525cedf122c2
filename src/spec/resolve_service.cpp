#include "base/error.hpp"
#include "base/image_name.hpp"
#include "base/text.hpp"
#include "spec/pull_policy.hpp"
#include "spec/resolve.hpp"
#include "spec/units.hpp"

namespace spec {
namespace {

bool flag(const Node& node, std::string_view key) {
  const Node* child = node.find(key);
  return child != nullptr && child->is_true();
}

void read_list(const Node& node, std::string_view key, std::vector<std::string>& out) {
  const Node* list = node.find(key);
  if (list == nullptr) return;
  for (const Node& item : list->children) out.push_back(item.text);
}

void read_words(const Node& node, std::string_view key,
                std::optional<std::vector<std::string>>& out) {
  const Node* list = node.find(key);
  if (list == nullptr || !list->is_sequence()) return;
  out.emplace();
  for (const Node& item : list->children) out->push_back(item.text);
}

void read_duration(const Node& node, std::string_view key, Duration& out) {
  const Node* child = node.find(key);
  if (child == nullptr) return;
  if (const auto value = parse_duration(child->text)) out = *value;
}

class ServiceReader {
 public:
  ServiceReader(const Node& node, Service& service, Resolving& in)
      : node_(node), service_(service), in_(in) {}

  void run() {
    service_.name = node_.key;
    service_.place = node_.key_place;
    what_runs();
    identity();
    resolve_ports(node_, service_, in_.report);
    resolve_mounts(node_, service_, in_);
    resolve_limits(node_, service_, in_.report);
    resolve_security(node_, service_, in_.stack.working_dir, in_.report);
    network_mode();
    networks();
    dependencies();
    files();
    healthcheck();
    resolve_lifecycle(node_, service_, in_.report);
    replicas();
    names_and_hosts();
    devices();
  }

 private:
  void error(const Node& at, const std::string& text, std::string hint = {},
             std::vector<Related> related = {}) {
    in_.report.error(at.place, base::cat("service ", service_.name, ": ", text), std::move(hint),
                     std::move(related));
  }
  // What docker compose leaves to the moment when it is run.
  void run_error(const Node& at, const std::string& text, std::string hint = {},
                 std::vector<Related> related = {}) {
    in_.report.run_error(at.place, base::cat("service ", service_.name, ": ", text),
                         std::move(hint), std::move(related));
  }

  void what_runs() {
    const Node* image = node_.find("image");
    if (image != nullptr) service_.image = {image->text, image->place};
    if (service_.image.value.empty() && node_.find("build") == nullptr &&
        node_.find("provider") == nullptr) {
      in_.report.error(
          image != nullptr ? image->place : service_.place,
          base::cat("service ", service_.name,
                    image != nullptr ? ": image is empty" : ": neither image nor build is given"),
          "add image: NAME, or image: host for this machine's own programs");
    }
    if (!service_.image.value.empty()) {
      try {
        base::parse_image_name(service_.image.value);
      } catch (const base::Error& error) {
        run_error(*image, base::cat("'", service_.image.value, "' names no image: ", error.what()),
                  "an image reads [REGISTRY/]NAME[:TAG][@DIGEST], or host");
      }
    }
    read_words(node_, "command", service_.command);
    read_words(node_, "entrypoint", service_.entrypoint);
    read_map(node_, "environment", service_.environment);
    read_map(node_, "labels", service_.labels);
    service_.working_dir = node_.text_of("working_dir");
    if (!service_.working_dir.empty() && service_.working_dir[0] != '/') {
      run_error(*node_.find("working_dir"), "working_dir is not absolute");
    }
    if (const Node* user = node_.find("user")) service_.user = {user->text, user->place};
    read_list(node_, "group_add", service_.group_add);
    read_list(node_, "profiles", service_.profiles);
    service_.init = flag(node_, "init");
    service_.tty = flag(node_, "tty");
    service_.stdin_open = flag(node_, "stdin_open");
    service_.read_only = flag(node_, "read_only");
    service_.privileged = flag(node_, "privileged");
    service_.attach = node_.find("attach") == nullptr || flag(node_, "attach");
    service_.stop_signal = node_.text_of("stop_signal");
    read_duration(node_, "stop_grace_period", service_.stop_grace_period);
    service_.pid_mode = node_.text_of("pid");
    service_.ipc_mode = node_.text_of("ipc");
    service_.uts_mode = node_.text_of("uts");
    service_.cgroup_mode = node_.text_of("cgroup");
    service_.platform = node_.text_of("platform");
    service_.pull_policy = node_.text_of("pull_policy");
    service_.runtime = node_.text_of("runtime");
  }

  void identity() {
    service_.hostname = node_.text_of("hostname");
    service_.domainname = node_.text_of("domainname");
    service_.container_name = node_.text_of("container_name");
    if (const Node* host = node_.find("hostname");
        host != nullptr && !valid_name(host->text, true)) {
      run_error(*host, base::cat("'", host->text, "' is not a host name"),
                "letters, digits, dots and hyphens, 63 at most");
    }
    if (const Node* name = node_.find("container_name");
        name != nullptr && !valid_name(name->text, false)) {
      const std::string text = base::cat("container_name: '", name->text, "' is not a name");
      const char* hint =
          "letters, digits, '_', '.' and '-', two at least, beginning with a letter or digit";
      // docker compose wants a name somewhere in the text; the rest shows when it is run.
      name->text.size() < 2 ? error(*name, text, hint) : run_error(*name, text, hint);
    }
  }

  static bool valid_name(std::string_view text, bool host) {
    if (text.size() < (host ? 1U : 2U) || text.size() > (host ? 63U : 200U)) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (!word && (i == 0 || (c != '-' && c != '.' && c != '_'))) return false;
    }
    return true;
  }

  void network_mode() {
    const Node* mode = node_.find("network_mode");
    if (mode == nullptr || mode->text.empty()) return;
    NetworkMode& out = service_.network_mode;
    const std::string& text = mode->text;
    if (text == "none") {
      out.kind = NetworkModeKind::None;
    } else if (text == "host") {
      out.kind = NetworkModeKind::Host;
    } else if (base::starts_with(text, "service:")) {
      out = {NetworkModeKind::Service, text.substr(8)};
      if (in_.document.find("services")->find(out.name) == nullptr) {
        undefined_service(*mode, "network_mode", out.name);
      }
    } else if (base::starts_with(text, "container:")) {
      out = {NetworkModeKind::Container, text.substr(10)};
      in_.report.warning(mode->place, base::cat("service ", service_.name,
                                                ": network_mode "
                                                "container: has no effect yet"));
    } else if (text == "bridge" || text == "default") {
      in_.report.warning(mode->place, base::cat("service ", service_.name, ": network_mode ", text,
                                                ": the stack's default network is used"));
      service_.networks.push_back({});
      service_.networks.back().network = "default";
      service_.networks.back().place = mode->place;
      Network& network = in_.stack.networks["default"];
      network.key = "default";
      if (network.name.empty()) network.name = in_.stack.name + "_default";
    } else {
      run_error(*mode, base::cat("the network_mode '", text, "' is not known"),
                "none, host or service:NAME");
    }
    const Node* networks = node_.find("networks");
    if (networks != nullptr && !networks->children.empty()) {
      in_.report.error(
          networks->key_place,
          base::cat("service ", service_.name, ": network_mode and networks exclude each other"),
          "remove one of the two", {{mode->key_place, "network_mode is here"}});
    }
    const bool alone = out.kind == NetworkModeKind::None || out.kind == NetworkModeKind::Host;
    if (!service_.ports.empty() && alone) {
      in_.report.warning(
          service_.ports[0].place,
          base::cat("service ", service_.name, ": ports have no effect with network_mode ", text));
    }
  }

  void undefined_service(const Node& at, const std::string& key, const std::string& name) {
    std::vector<std::string> names;
    for (const Node& other : in_.document.find("services")->children) names.push_back(other.key);
    std::string hint = suggestion(name, names);
    if (const auto found = in_.inactive.find(name); found != in_.inactive.end()) {
      hint = base::cat("it is in a profile that is not active: --profile ", found->second);
    }
    error(at, base::cat(key, ": the service '", name, "' is not defined"), std::move(hint));
  }

  std::optional<base::IpAddress> address(const Node& node, const Attachment& attachment,
                                         base::Family family) {
    const auto value = base::parse_ip(node.text);
    if (!value || value->family != family) {
      run_error(node, base::cat("'", node.text, "' is not an IPv",
                                family == base::Family::V4 ? "4" : "6", " address"));
      return {};
    }
    const auto found = in_.stack.networks.find(attachment.network);
    if (found == in_.stack.networks.end()) return value;
    const Network& network = found->second;
    for (const base::Cidr& subnet : network.subnets) {
      if (subnet.address.family != family) continue;
      if (subnet.contains(*value)) return value;
      run_error(node,
                base::cat("the address ", node.text, " is outside of ", subnet.str(),
                          ", the subnet of network ", network.key),
                {}, {{network.place, "the network is defined here"}});
    }
    return value;
  }

  void networks() {
    const Node* all = node_.find("networks");
    if (all == nullptr || node_.find("network_mode") != nullptr) return;
    for (const Node& item : all->children) {
      Attachment attachment;
      attachment.network = item.key;
      attachment.place = item.key_place;
      if (base::starts_with(item.key, "x-")) {
        in_.report.error(item.key_place,
                         base::cat("service ", service_.name, ": '", item.key,
                                   "' begins with x-, which makes it an extension here"),
                         "docker compose refuses such a network too: rename it");
        continue;
      }
      if (in_.stack.networks.count(item.key) == 0) {
        std::vector<std::string> names;
        for (const auto& [key, network] : in_.stack.networks) names.push_back(key);
        std::string hint = suggestion(item.key, names);
        if (hint.empty()) hint = "add it below the top level key networks";
        in_.report.error(
            item.key_place,
            base::cat("service ", service_.name, ": the network '", item.key, "' is not defined"),
            std::move(hint));
        continue;
      }
      read_list(item, "aliases", attachment.aliases);
      if (const Node* v4 = item.find("ipv4_address")) {
        attachment.ipv4_address = address(*v4, attachment, base::Family::V4);
      }
      if (const Node* v6 = item.find("ipv6_address")) {
        attachment.ipv6_address = address(*v6, attachment, base::Family::V6);
      }
      attachment.mac_address = item.text_of("mac_address");
      attachment.priority = static_cast<int>(base::parse_int(item.text_of("priority")).value_or(0));
      attachment.gw_priority =
          static_cast<int>(base::parse_int(item.text_of("gw_priority")).value_or(0));
      service_.networks.push_back(std::move(attachment));
    }
  }

  void dependencies() {
    if (const Node* links = node_.find("links")) {
      for (const Node& link : links->children) {
        const std::size_t colon = link.text.find(':');
        if (colon != std::string::npos &&
            link.text.substr(colon + 1) != link.text.substr(0, colon)) {
          in_.report.warning(link.place,
                             base::cat("service ", service_.name, ": the alias in link '",
                                       link.text, "' has no effect yet"),
                             "give the other service an alias on the network");
        }
      }
    }
    const Node* all = node_.find("depends_on");
    if (all == nullptr) return;
    for (const Node& item : all->children) {
      Dependency dependency;
      dependency.service = item.key;
      dependency.place = item.key_place;
      const std::string condition = item.text_of("condition");
      if (condition == "service_healthy") dependency.condition = Condition::Healthy;
      if (condition == "service_completed_successfully") {
        dependency.condition = Condition::CompletedSuccessfully;
      }
      dependency.required = item.find("required") == nullptr || flag(item, "required");
      dependency.restart = flag(item, "restart");
      dependency.implicit = item.via == Via::Default;
      if (in_.stack.services.count(item.key) == 0) {
        // One that no profile selects may be missing; one that does not exist at all may not.
        if (!dependency.required && in_.inactive.count(item.key) != 0) continue;
        const Node at = Node::string({}, item.key_place);
        undefined_service(at, dependency.implicit ? "refers" : "depends_on", item.key);
        continue;
      }
      service_.depends_on.push_back(std::move(dependency));
    }
  }

  void files() {
    references("secrets", node_);
    references("configs", node_);
    if (const Node* build = node_.find("build")) references("secrets", *build);
  }

  void references(std::string_view kind, const Node& owner) {
    const Node* list = owner.find(kind);
    if (list == nullptr) return;
    const Node* defined = in_.document.find(kind);
    for (const Node& item : list->children) {
      const Node* source = item.find("source");
      const std::string name = item.text_of("source");
      if (defined != nullptr && defined->find(name) != nullptr) continue;
      std::vector<std::string> names;
      if (defined != nullptr) {
        for (const Node& each : defined->children) names.push_back(each.key);
      }
      std::string hint = suggestion(name, names);
      if (hint.empty()) hint = base::cat("add it below the top level key ", kind);
      error(source != nullptr ? *source : item,
            base::cat("the ", kind.substr(0, kind.size() - 1), " '", name, "' is not defined"),
            std::move(hint));
    }
  }

  void healthcheck() {
    const Node* check = node_.find("healthcheck");
    if (check == nullptr) return;
    Healthcheck out = Healthcheck::unsaid();
    read_list(*check, "test", out.test);
    out.disabled = flag(*check, "disable") || (!out.test.empty() && out.test[0] == "NONE");
    read_duration(*check, "interval", out.interval);
    read_duration(*check, "timeout", out.timeout);
    read_duration(*check, "start_period", out.start_period);
    read_duration(*check, "start_interval", out.start_interval);
    if (const Node* retries = check->find("retries")) {
      const auto value = base::parse_int(retries->text);
      if (!value || *value < 0 || *value > 1'000'000) {
        run_error(*retries,
                  base::cat("healthcheck.retries: ", retries->text, " is no number of tries"));
      } else {
        out.retries = static_cast<unsigned>(*value);
      }
    }
    if (out.test.size() == 1 && out.test[0] == "NONE") out.test.clear();
    service_.healthcheck = std::move(out);
  }

  void replicas() {
    const Node* scale = node_.find("scale");
    const Node* deploy = node_.find("deploy");
    const Node* count = deploy == nullptr ? nullptr : deploy->find("replicas");
    if (scale != nullptr && count != nullptr && scale->text != count->text) {
      error(*scale, base::cat("scale says ", scale->text, ", deploy.replicas ", count->text),
            "keep one of the two", {{count->place, "deploy.replicas is here"}});
    }
    const Node* used = scale != nullptr ? scale : count;
    if (used == nullptr) return;
    const auto value = base::parse_int(used->text);
    if (!value || *value < 0 || *value > 10'000) {
      if (value && *value > 0) {
        run_error(*used, base::cat(used->text, " containers are too many"), "0 to 10000");
      } else {
        error(*used, base::cat(used->text, " is no number of containers"), "0 to 10000");
      }
      return;
    }
    service_.replicas = static_cast<unsigned>(*value);
    if (service_.replicas > 1 && !service_.container_name.empty()) {
      error(*used, base::cat("container_name cannot be given to ", used->text, " containers"),
            "remove container_name; the containers are numbered",
            {{node_.find("container_name")->place, "container_name is here"}});
    }
  }

  void names_and_hosts() {
    if (const Node* hosts = node_.find("extra_hosts")) {
      for (const Node& item : hosts->children) {
        const std::string target = item.text.substr(item.text.find('=') + 1);
        if (target != "host-gateway" && !base::parse_ip(target)) {
          run_error(item, base::cat("extra_hosts: '", target, "' is not an IP address"),
                    "an address, or host-gateway for this machine");
          continue;
        }
        service_.extra_hosts.push_back(item.text);
      }
    }
    if (const Node* dns = node_.find("dns")) {
      for (const Node& item : dns->children) {
        if (!base::parse_ip(item.text)) {
          run_error(item, base::cat("dns: '", item.text, "' is not an IP address"));
        }
        service_.dns.push_back(item.text);
      }
    }
    read_list(node_, "dns_search", service_.dns_search);
    read_list(node_, "dns_opt", service_.dns_opt);
  }

  void devices() {
    const Node* all = node_.find("devices");
    if (all == nullptr) return;
    for (const Node& item : all->children) {
      Device device{item.text_of("source"), item.text_of("target"), item.text_of("permissions")};
      if (device.source.empty() || device.source[0] != '/') {
        in_.report.warning(item.place,
                           base::cat("service ", service_.name, ": the device '", device.source,
                                     "' is no path, it has no effect yet"));
        continue;
      }
      if (device.permissions.find_first_not_of("rwm") != std::string::npos) {
        run_error(
            item,
            base::cat("device ", device.source, ": '", device.permissions, "' are no permissions"),
            "a choice of r, w and m");
        continue;
      }
      service_.devices.push_back(std::move(device));
    }
  }

  const Node& node_;
  Service& service_;
  Resolving& in_;
};

}  // namespace

void resolve_service(const Node& node, Service& service, Resolving& in) {
  ServiceReader(node, service, in).run();
}

}  // namespace spec
