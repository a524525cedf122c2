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
      {"name", Effect::Never, "another name is another container"},
      {"service", Effect::Never, "part of what it is"},
      {"index", Effect::Never, "part of what it is; another `scale` adds and removes containers"},
      {"image", Effect::InPlace, "another name of the same image; see `image_id`"},
      {"image_id", Effect::Replace, "other files under the running program"},
      {"argv", Effect::Replace, "the kernel fixes it at exec"},
      {"environment", Effect::Replace, "the kernel fixes it at exec"},
      {"working_dir", Effect::Replace, "the program's own since its start"},
      {"user", Effect::Replace, "the program's own since its start"},
      {"group_add", Effect::Replace, "the program's own since its start"},
      {"hostname", Effect::Replace, "programs read it once, when they start"},
      {"domainname", Effect::Replace, "programs read it once, when they start"},
      {"mounts", Effect::Replace, "programs hold files of the old mount open"},
      {"configs", Effect::Replace, "files of its own, made before it starts"},
      {"secrets", Effect::Replace, "files of its own, made before it starts"},
      {"network", Effect::Replace, "another network namespace"},
      {"network_container", Effect::Replace, "another network namespace"},
      {"endpoints", Effect::Reconnect,
       "a network comes as a new interface, one that goes takes its interface along"},
      {"endpoints.aliases", Effect::InPlace, "the name server answers by it from then on"},
      {"endpoints.link", Effect::Reconnect,
       "addresses, routes, MAC and name of that one interface; the others keep theirs"},
      {"ports", Effect::InPlace,
       "all of the stack's are one table of the firewall, replaced in one transaction"},
      {"depends_on", Effect::InPlace, "an order of later starts"},
      {"healthcheck", Effect::InPlace, "the check starts over"},
      {"restart", Effect::InPlace, "looked at when it ends"},
      {"restart_unhealthy", Effect::InPlace, "looked at when it is unhealthy"},
      {"post_start", Effect::InPlace, "run after later starts"},
      {"pre_stop", Effect::InPlace, "run before it is stopped"},
      {"stop_signal", Effect::InPlace, "looked at when it is stopped"},
      {"stop_grace_period", Effect::InPlace, "looked at when it is stopped"},
      {"init", Effect::Replace, "another pid 1"},
      {"tty", Effect::Replace, "other standard streams"},
      {"stdin_open", Effect::Replace, "other standard streams"},
      {"read_only", Effect::Replace, "programs hold files open for writing"},
      {"privileged", Effect::Replace, "rights can be taken from nobody who has them"},
      {"cap_add", Effect::Replace, "the program's own since its start"},
      {"cap_drop", Effect::Replace, "the program's own since its start"},
      {"no_new_privileges", Effect::Replace, "the kernel never takes it back"},
      {"seccomp", Effect::Replace, "the kernel never takes a filter back"},
      {"ulimits", Effect::InPlace,
       "prlimit of every process inside; one that is dropped from the file: replaced"},
      {"sysctls", Effect::Replace, "those of `net.`: in place, unless dropped from the file"},
      {"shm_size", Effect::Replace, "the size of a mounted file system"},
      {"devices", Effect::Replace, "nodes below /dev and the rights to them"},
      {"limits", Effect::InPlace, "written into its cgroup, raised and lowered"},
      {"oom_score_adj", Effect::InPlace, "written for every process inside"},
      {"labels", Effect::InPlace, "its record"},
      {"extra_hosts", Effect::InPlace, "/etc/hosts is written over, the same inode"},
      {"dns", Effect::InPlace, "the name server asks the others from then on"},
      {"dns_search", Effect::InPlace, "/etc/resolv.conf is written over, the same inode"},
      {"dns_opt", Effect::InPlace, "/etc/resolv.conf is written over, the same inode"},
      {"logging", Effect::InPlace, "its log goes on under the new limits"},
      {"oneoff", Effect::Never, "made by `run`"},
      {"auto_remove", Effect::Never, "made by `run --rm`"},
      {"place", Effect::Never, "where it stands in the file"},
  };
  return rules;
}

const std::vector<FieldRule>& network_fields() {
  static const std::vector<FieldRule> rules = {
      {"key", Effect::Never, "its name inside the file"},
      {"name", Effect::Never, "another name is another network"},
      {"external", Effect::InPlace, "who makes and removes it"},
      {"enable_ipv6", Effect::Reconnect, "seen in `addresses`"},
      {"bridge.device", Effect::Never, "made from its name"},
      {"bridge.label", Effect::InPlace, "the bridge's"},
      {"bridge.table", Effect::Never, "made from its name"},
      {"bridge.addresses", Effect::Reconnect,
       "the bridge's, then each endpoint gets an address of the new subnet"},
      {"bridge.internal", Effect::Reconnect,
       "its firewall table in one transaction; default routes come or go"},
      {"bridge.mtu", Effect::Reconnect, "the bridge's, then each endpoint's"},
      {"labels", Effect::InPlace, "its record"},
  };
  return rules;
}

const std::vector<FieldRule>& volume_fields() {
  static const std::vector<FieldRule> rules = {
      {"key", Effect::Never, "its name inside the file"},
      {"name", Effect::Never, "another name is another volume"},
      {"external", Effect::InPlace, "who makes and removes it"},
      {"labels", Effect::InPlace, "its record"},
  };
  return rules;
}

Effect effect_of(std::string_view field) {
  const auto& rules = container_fields();
  const auto at = std::find_if(rules.begin(), rules.end(),
                               [&](const FieldRule& rule) { return rule.field == field; });
  return at == rules.end() ? Effect::Replace : at->effect;
}

}  // namespace planner
