#include "planner/fields.hpp"

#include <algorithm>

namespace planner {

const char* name_of_effect(Effect effect) {
  switch (effect) {
    case Effect::Never:
      return "no change";
    case Effect::InPlace:
      return "in place";
    case Effect::Reconnect:
      return "reconnected";
    case Effect::Replace:
      return "replaced";
  }
  return "";
}

const std::vector<FieldRule>& container_fields() {
  static const std::vector<FieldRule> rules = {
      {"name", "container_name", Effect::Never, "another name is another container"},
      {"service", "services", Effect::Never, "part of what it is"},
      {"index", "scale", Effect::Never,
       "part of what it is; another `scale` adds and removes containers"},
      {"image", "image", Effect::InPlace, "another name of the same image; see `image (id)`"},
      {"image_id", "image (id)", Effect::Replace, "other files under the running program"},
      {"argv", "command/entrypoint", Effect::Replace, "the kernel fixes it at exec"},
      {"environment", "environment", Effect::Replace, "the kernel fixes it at exec"},
      {"working_dir", "working_dir", Effect::Replace, "the program's own since its start"},
      {"user", "user", Effect::Replace, "the program's own since its start"},
      {"group_add", "group_add", Effect::Replace, "the program's own since its start"},
      {"hostname", "hostname", Effect::Replace, "programs read it once, when they start"},
      {"domainname", "domainname", Effect::Replace, "programs read it once, when they start"},
      {"mounts", "volumes", Effect::Replace, "programs hold files of the old mount open"},
      {"configs", "configs", Effect::Replace, "files of its own, made before it starts"},
      {"secrets", "secrets", Effect::Replace, "files of its own, made before it starts"},
      {"network", "network_mode", Effect::Replace, "another network namespace"},
      {"network_container", "network_mode (container)", Effect::Replace,
       "another network namespace"},
      {"endpoints", "networks", Effect::Reconnect,
       "a network comes as a new interface, one that goes takes its interface along"},
      {"endpoints.aliases", "networks.*.aliases", Effect::InPlace,
       "the name server answers by it from then on"},
      {"endpoints.link", "networks.*", Effect::Reconnect,
       "addresses, routes, MAC and name of that one interface; the others keep theirs"},
      {"endpoints.link.mac", "networks.*.mac_address", Effect::Reconnect, "of that interface"},
      {"endpoints.link.inner_device", "networks.*.interface_name", Effect::Reconnect,
       "of that interface"},
      {"ports", "ports", Effect::InPlace,
       "all of the stack's are one table of the firewall, replaced in one transaction"},
      {"depends_on", "depends_on", Effect::InPlace, "an order of later starts"},
      {"healthcheck", "healthcheck", Effect::InPlace, "the check starts over"},
      {"healthcheck.disabled", "healthcheck.disable", Effect::InPlace, "the check ends or begins"},
      {"healthcheck.interval", "healthcheck.interval", Effect::InPlace, "the check starts over",
       Unit::Nanoseconds},
      {"healthcheck.timeout", "healthcheck.timeout", Effect::InPlace, "the check starts over",
       Unit::Nanoseconds},
      {"healthcheck.start_period", "healthcheck.start_period", Effect::InPlace,
       "the check starts over", Unit::Nanoseconds},
      {"healthcheck.start_interval", "healthcheck.start_interval", Effect::InPlace,
       "the check starts over", Unit::Nanoseconds},
      {"restart", "restart", Effect::InPlace, "looked at when it ends"},
      {"restart.mode", "restart", Effect::InPlace, "looked at when it ends"},
      {"restart.max_retries", "restart (on-failure:N)", Effect::InPlace, "looked at when it ends"},
      {"restart.delay", "deploy.restart_policy.delay", Effect::InPlace, "looked at when it ends",
       Unit::Nanoseconds},
      {"restart.window", "deploy.restart_policy.window", Effect::InPlace, "looked at when it ends",
       Unit::Nanoseconds},
      {"restart_unhealthy", "x-stack.on-unhealthy", Effect::InPlace,
       "looked at when it is unhealthy"},
      {"pre_start", "pre_start", Effect::Replace, "its steps run anew, and then it starts"},
      {"post_start", "post_start", Effect::InPlace, "run after later starts"},
      {"pre_stop", "pre_stop", Effect::InPlace, "run before it is stopped"},
      {"stop_signal", "stop_signal", Effect::InPlace, "looked at when it is stopped", Unit::Signal},
      {"stop_grace_period", "stop_grace_period", Effect::InPlace, "looked at when it is stopped",
       Unit::Nanoseconds},
      {"init", "init", Effect::Replace, "another pid 1"},
      {"tty", "tty", Effect::Replace, "other standard streams"},
      {"stdin_open", "stdin_open", Effect::Replace, "other standard streams"},
      {"read_only", "read_only", Effect::Replace, "programs hold files open for writing"},
      {"privileged", "privileged", Effect::Replace, "rights can be taken from nobody who has them"},
      {"cap_add", "cap_add", Effect::Replace, "the program's own since its start"},
      {"cap_drop", "cap_drop", Effect::Replace, "the program's own since its start"},
      {"no_new_privileges", "security_opt (no-new-privileges)", Effect::Replace,
       "the kernel never takes it back"},
      {"seccomp", "security_opt (seccomp)", Effect::Replace,
       "the kernel never takes a filter back"},
      {"ulimits", "ulimits", Effect::InPlace,
       "prlimit of every process inside; one that is dropped from the file: replaced"},
      {"sysctls", "sysctls", Effect::Replace,
       "those of `net.`: in place, unless dropped from the file"},
      {"shm_size", "shm_size", Effect::Replace, "the size of a mounted file system", Unit::Bytes},
      {"devices", "devices", Effect::Replace, "nodes below /dev and the rights to them"},
      {"limits", "deploy.resources", Effect::InPlace,
       "written into its cgroup, raised and lowered"},
      {"limits.memory", "mem_limit", Effect::InPlace, "written into its cgroup", Unit::Bytes},
      {"limits.memory_reservation", "mem_reservation", Effect::InPlace, "written into its cgroup",
       Unit::Bytes},
      {"limits.memory_swap", "memswap_limit", Effect::InPlace, "written into its cgroup",
       Unit::Bytes},
      {"limits.pids", "pids_limit", Effect::InPlace, "written into its cgroup"},
      {"limits.cpus", "cpus", Effect::InPlace, "written into its cgroup"},
      {"limits.cpu_shares", "cpu_shares", Effect::InPlace, "written into its cgroup"},
      {"limits.cpu_quota", "cpu_quota", Effect::InPlace, "written into its cgroup"},
      {"limits.cpu_period", "cpu_period", Effect::InPlace, "written into its cgroup"},
      {"limits.cpuset", "cpuset", Effect::InPlace, "written into its cgroup"},
      {"oom_score_adj", "oom_score_adj", Effect::InPlace, "written for every process inside"},
      {"labels", "labels", Effect::InPlace, "its record"},
      {"extra_hosts", "extra_hosts", Effect::InPlace, "/etc/hosts is written over, the same inode"},
      {"dns", "dns", Effect::InPlace, "the name server asks the others from then on"},
      {"dns_search", "dns_search", Effect::InPlace,
       "/etc/resolv.conf is written over, the same inode"},
      {"dns_opt", "dns_opt", Effect::InPlace, "/etc/resolv.conf is written over, the same inode"},
      {"logging", "logging", Effect::InPlace, "its log goes on under the new limits"},
      {"oneoff", "-", Effect::Never, "made by `run`"},
      {"auto_remove", "-", Effect::Never, "made by `run --rm`"},
      {"step", "-", Effect::Never, "which step of `pre_start` it is"},
      {"place", "-", Effect::Never, "where it stands in the file"},
  };
  return rules;
}

const std::vector<FieldRule>& network_fields() {
  static const std::vector<FieldRule> rules = {
      {"key", "networks", Effect::Never, "its name inside the file"},
      {"name", "name", Effect::Never, "another name is another network"},
      {"external", "external", Effect::InPlace, "who makes and removes it"},
      {"enable_ipv6", "enable_ipv6", Effect::Reconnect, "seen in `addresses`"},
      {"bridge.device", "-", Effect::Never, "made from its name"},
      {"bridge.label", "-", Effect::InPlace, "the bridge's"},
      {"bridge.table", "-", Effect::Never, "made from its name"},
      {"bridge.addresses", "ipam", Effect::Reconnect,
       "the bridge's, then each endpoint gets an address of the new subnet"},
      {"bridge.internal", "internal", Effect::Reconnect,
       "its firewall table in one transaction; default routes come or go"},
      {"bridge.mtu", "driver_opts (mtu)", Effect::Reconnect, "the bridge's, then each endpoint's"},
      {"labels", "labels", Effect::InPlace, "its record"},
  };
  return rules;
}

const std::vector<FieldRule>& volume_fields() {
  static const std::vector<FieldRule> rules = {
      {"key", "volumes", Effect::Never, "its name inside the file"},
      {"name", "name", Effect::Never, "another name is another volume"},
      {"driver_opts", "driver_opts", Effect::InPlace,
       "its record; containers that mount it are replaced"},
      {"external", "external", Effect::InPlace, "who makes and removes it"},
      {"labels", "labels", Effect::InPlace, "its record"},
  };
  return rules;
}

const FieldRule* rule_of(std::string_view field) {
  const auto& rules = container_fields();
  const auto at = std::find_if(rules.begin(), rules.end(),
                               [&](const FieldRule& rule) { return rule.field == field; });
  return at == rules.end() ? nullptr : &*at;
}

Effect effect_of(std::string_view field) {
  const FieldRule* rule = rule_of(field);
  return rule == nullptr ? Effect::Replace : rule->effect;
}

}  // namespace planner
