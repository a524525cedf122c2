#include "spec/output_order.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "spec/schema.hpp"

namespace spec {
namespace {

// Only those whose order is not that of their names.
struct Order {
  std::string_view what;  // Object::what
  std::string_view keys;
};
constexpr Order kOrders[] = {
    {"the stack file", "name services networks volumes secrets configs models"},
    {"a service",
     "profiles annotations attach build develop blkio_config cap_add cap_drop cgroup_parent cgroup "
     "cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpus cpuset "
     "cpu_shares command configs container_name credential_spec depends_on deploy "
     "device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint provider "
     "environment env_file expose extends external_links extra_hosts group_add gpus hostname "
     "healthcheck image init ipc isolation labels label_file links logging mem_limit "
     "mem_reservation memswap_limit mem_swappiness mac_address models network_mode networks "
     "oom_kill_disable oom_score_adj pid pids_limit platform ports privileged pull_policy "
     "read_only restart runtime scale secrets security_opt shm_size stdin_open stop_grace_period "
     "stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode uts "
     "volumes volumes_from working_dir pre_start post_start pre_stop"},
    {"build",
     "context dockerfile dockerfile_inline entitlements args provenance sbom ssh labels cache_from "
     "cache_to no_cache no_cache_filter additional_contexts pull extra_hosts isolation network "
     "target secrets shm_size tags ulimits platforms privileged"},
    {"a port", "name mode host_ip target published protocol app_protocol"},
    {"a volume of a service", "type source target read_only consistency bind volume tmpfs image"},
    {"bind", "selinux propagation create_host_path recursive"},
    {"tmpfs", "size mode"},
    {"a healthcheck", "test timeout interval retries start_period start_interval disable"},
    {"a dependency", "condition restart required"},
    {"a reference to a config or secret", "source target uid gid mode"},
    {"a device", "source target permissions"},
    {"deploy",
     "mode replicas labels update_config rollback_config resources restart_policy placement "
     "endpoint_mode"},
    {"deploy.restart_policy", "condition delay max_attempts window"},
    {"an update policy", "parallelism delay failure_action monitor max_failure_ratio order"},
    {"a network",
     "name driver driver_opts ipam external internal attachable labels enable_ipv4 enable_ipv6"},
    {"an ipam pool", "subnet gateway ip_range aux_addresses"},
    {"ipam", "driver config options"},
    {"a volume", "name driver driver_opts external labels"},
    {"a config", "name file environment content external labels template_driver"},
    {"a secret", "name file environment external labels driver driver_opts template_driver"},
    {"a watch rule", "path action target exec include ignore initial_sync"},
};

using Ranks = std::unordered_map<std::string_view, std::size_t>;

const Ranks* ranks_of(const Object& object) {
  static const auto all = [] {
    std::unordered_map<std::string_view, Ranks> out;
    for (const Order& order : kOrders) {
      Ranks& ranks = out[order.what];
      std::string_view rest = order.keys;
      while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        ranks.emplace(rest.substr(0, end), ranks.size());
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
    return out;
  }();
  const auto found = all.find(object.what);
  return found == all.end() ? nullptr : &found->second;
}

void by_name(Node& node) {
  if (node.is_map()) {
    std::stable_sort(node.children.begin(), node.children.end(),
                     [](const Node& a, const Node& b) { return a.key < b.key; });
  }
  for (Node& child : node.children) by_name(child);
}

void by_rank(Node& node, const Object& object) {
  const Ranks* ranks = ranks_of(object);
  const auto rank = [&](const Node& child) {
    if (object.find(child.key) == nullptr) return SIZE_MAX;  // extensions come last
    if (ranks == nullptr) return std::size_t{0};
    const auto found = ranks->find(child.key);
    return found == ranks->end() ? ranks->size() : found->second;
  };
  std::stable_sort(node.children.begin(), node.children.end(), [&](const Node& a, const Node& b) {
    const std::size_t left = rank(a);
    const std::size_t right = rank(b);
    return left != right ? left < right : a.key < b.key;
  });
  for (Node& child : node.children) {
    const Field* field = object.find(child.key);
    if (field == nullptr || field->object == nullptr) {
      by_name(child);
    } else if (field->type == Type::Object) {
      by_rank(child, field->object());
    } else {
      if (field->type == Type::ObjectMap) {
        std::stable_sort(child.children.begin(), child.children.end(),
                         [](const Node& a, const Node& b) { return a.key < b.key; });
      }
      for (Node& item : child.children) by_rank(item, field->object());
    }
  }
}

}  // namespace

void put_in_output_order(Node& document) {
  by_rank(document, root_object());
}

}  // namespace spec
