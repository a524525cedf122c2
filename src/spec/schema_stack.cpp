#include "spec/schema.hpp"
#include "spec/short_forms.hpp"

namespace spec {
namespace {

const Object& ipam_config_object() {
  static const Object object("an ipam pool", {
                                                 {"aux_addresses", Type::Mapping},
                                                 {"gateway", Type::String, kYes},
                                                 {"ip_range", Type::String},
                                                 {"subnet", Type::String, kYes},
                                             });
  return object;
}

const Object& ipam_object() {
  static const Object object("ipam", {
                                         {"config", Type::ObjectList, kYes, ipam_config_object,
                                          nullptr, nullptr, nullptr, true},
                                         {"driver", Type::String},
                                         {"options", Type::Mapping},
                                     });
  return object;
}

const Object& network_object() {
  static const Object object(
      "a network", {
                       {"attachable", Type::Bool},
                       {"driver", Type::String, kYes},
                       {"driver_opts", Type::Mapping, kYes},
                       {"enable_ipv4", Type::Bool},
                       {"enable_ipv6", Type::Bool, kYes},
                       {"external", Type::Any, kYes, nullptr, expand_external},
                       {"internal", Type::Bool, kYes},
                       {"ipam", Type::Object, kYes, ipam_object, nullptr, nullptr, nullptr, true},
                       {"labels", Type::Mapping, kYes},
                       {"name", Type::String, kYes},
                   });
  return object;
}

const Object& volume_object() {
  static const Object object("a volume",
                             {
                                 {"driver", Type::String, kYes},
                                 {"driver_opts", Type::Mapping, kYes},
                                 {"external", Type::Any, kYes, nullptr, expand_external},
                                 {"labels", Type::Mapping, kYes},
                                 {"name", Type::String, kYes},
                             });
  return object;
}

const Object& file_object() {
  static const Object object("a config or secret",
                             {
                                 {"content", Type::String},
                                 {"driver", Type::String},
                                 {"driver_opts", Type::Mapping},
                                 {"environment", Type::String},
                                 {"external", Type::Any, kNone, nullptr, expand_external},
                                 {"file", Type::String},
                                 {"labels", Type::Mapping},
                                 {"name", Type::String},
                                 {"template_driver", Type::String},
                             });
  return object;
}

const Object& limits_object() {
  static const Object object("deploy.resources.limits", {
                                                            {"cpus", Type::Number, kYes},
                                                            {"memory", Type::Bytes, kYes},
                                                            {"pids", Type::Int, kYes},
                                                        });
  return object;
}

const Object& reservation_device_object() {
  static const Object object("a reserved device", {
                                                      {"capabilities", Type::Strings},
                                                      {"count", Type::Any},
                                                      {"device_ids", Type::Strings},
                                                      {"driver", Type::String},
                                                      {"options", Type::Mapping},
                                                  });
  return object;
}

const Object& reservations_object() {
  static const Object object("deploy.resources.reservations",
                             {
                                 {"cpus", Type::Number},
                                 {"devices", Type::ObjectList, kNone, reservation_device_object},
                                 {"generic_resources", Type::Any},
                                 {"memory", Type::Bytes, kYes},
                             });
  return object;
}

const Object& resources_object() {
  static const Object object(
      "deploy.resources",
      {
          {"limits", Type::Object, kYes, limits_object, nullptr, nullptr, nullptr, true},
          {"reservations", Type::Object, kYes, reservations_object, nullptr, nullptr, nullptr,
           true},
      });
  return object;
}

const Object& restart_policy_object() {
  static const Object object("deploy.restart_policy", {
                                                          {"condition", Type::String},
                                                          {"delay", Type::Time},
                                                          {"max_attempts", Type::Int},
                                                          {"window", Type::Time},
                                                      });
  return object;
}

const Object& placement_object() {
  static const Object object("deploy.placement", {
                                                     {"constraints", Type::Strings},
                                                     {"max_replicas_per_node", Type::Int},
                                                     {"preferences", Type::Any},
                                                 });
  return object;
}

const Object& update_object() {
  static const Object object("an update policy", {
                                                     {"delay", Type::Time},
                                                     {"failure_action", Type::String},
                                                     {"max_failure_ratio", Type::Number},
                                                     {"monitor", Type::Time},
                                                     {"order", Type::String},
                                                     {"parallelism", Type::Int},
                                                 });
  return object;
}

const Object& watch_object() {
  static const Object object("a watch rule", {
                                                 {"action", Type::String},
                                                 {"exec", Type::Any},
                                                 {"ignore", Type::StringOrList},
                                                 {"include", Type::StringOrList},
                                                 {"initial_sync", Type::Bool},
                                                 {"path", Type::String},
                                                 {"target", Type::String},
                                             });
  return object;
}

}  // namespace

const Object& develop_object() {
  static const Object object("develop", {
                                            {"watch", Type::ObjectList, kNone, watch_object},
                                        });
  return object;
}

const Object& deploy_object() {
  static const Object object(
      "deploy",
      {
          {"endpoint_mode", Type::String},
          {"labels", Type::Mapping},
          {"mode", Type::String},
          {"placement", Type::Object, kNone, placement_object, nullptr, nullptr, nullptr, true},
          {"replicas", Type::Int, kYes},
          {"resources", Type::Object, kYes, resources_object, nullptr, nullptr, nullptr, true},
          {"restart_policy", Type::Object, kNone, restart_policy_object, nullptr, nullptr, nullptr,
           true},
          {"rollback_config", Type::Object, kNone, update_object, nullptr, nullptr, nullptr, true},
          {"update_config", Type::Object, kNone, update_object, nullptr, nullptr, nullptr, true},
      });
  return object;
}

const Object& build_object() {
  static const Object object("build", {
                                          {"additional_contexts", Type::Mapping},
                                          {"args", Type::Mapping},
                                          {"cache_from", Type::Strings},
                                          {"cache_to", Type::Strings},
                                          {"context", Type::String},
                                          {"dockerfile", Type::String},
                                          {"dockerfile_inline", Type::String},
                                          {"entitlements", Type::Strings},
                                          {"extra_hosts", Type::Hosts},
                                          {"isolation", Type::String},
                                          {"labels", Type::Mapping},
                                          {"network", Type::String},
                                          {"no_cache", Type::Bool},
                                          {"no_cache_filter", Type::StringOrList},
                                          {"platforms", Type::Strings},
                                          {"privileged", Type::Bool},
                                          {"provenance", Type::Any},
                                          {"pull", Type::Bool},
                                          {"sbom", Type::Any},
                                          {"secrets", Type::Any},
                                          {"shm_size", Type::Bytes},
                                          {"ssh", Type::Any},
                                          {"tags", Type::Strings},
                                          {"target", Type::String},
                                          {"ulimits", Type::Any, kNone, nullptr, check_ulimits},
                                      });
  return object;
}

const Object& root_object() {
  static const Object object(
      "the stack file",
      {
          {"configs", Type::ObjectMap, kNone, file_object, nullptr, nullptr, nullptr, true},
          {"include", Type::Any},
          {"models", Type::Any},
          {"name", Type::String, kYes},
          {"networks", Type::ObjectMap, kYes, network_object, nullptr, nullptr, nullptr, true},
          {"secrets", Type::ObjectMap, kNone, file_object, nullptr, nullptr, nullptr, true},
          {"services", Type::ObjectMap, kYes, service_object, nullptr, nullptr, nullptr, true},
          {"version", Type::Any, kYes},
          {"volumes", Type::ObjectMap, kYes, volume_object, nullptr, nullptr, nullptr, true},
      });
  return object;
}

}  // namespace spec
