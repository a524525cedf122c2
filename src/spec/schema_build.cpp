// How a service is built, deployed and developed: its keys build, deploy and develop.
#include "spec/schema.hpp"
#include "spec/short_forms.hpp"

namespace spec {
namespace {

const Object& limits_object() {
  static const Object object("deploy.resources.limits",
                             {
                                 Field{"cpus", Type::Number}.honoured(),
                                 Field{"memory", Type::Bytes}.honoured().form(only_text),
                                 Field{"pids", Type::Int}.honoured(),
                             });
  return object;
}

const Object& reserved_device_object() {
  static const Object object("a reserved device",
                             {
                                 Field{"capabilities", Type::Strings}.needed().no_repeats(),
                                 Field{"count", Type::Any}.form(expand_count),
                                 Field{"device_ids", Type::Strings}.no_repeats(),
                                 Field{"driver", Type::String},
                                 Field{"options", Type::Mapping},
                             });
  return object;
}

const Object& discrete_object() {
  static const Object object("discrete_resource_spec", {
                                                           Field{"kind", Type::String}.shown_zero(),
                                                           Field{"value", Type::Int}.shown_zero(),
                                                       });
  return object;
}

const Object& generic_resource_object() {
  static const Object object("a generic resource",
                             {
                                 Field{"discrete_resource_spec", Type::Object}.of(discrete_object),
                             });
  return object;
}

const Object& reservations_object() {
  static const Object object(
      "deploy.resources.reservations",
      {
          Field{"cpus", Type::Number},
          Field{"devices", Type::ObjectList}.of(reserved_device_object),
          Field{"generic_resources", Type::ObjectList}.of(generic_resource_object),
          Field{"memory", Type::Bytes}.honoured().form(only_text),
      });
  return object;
}

const Object& resources_object() {
  static const Object object(
      "deploy.resources",
      {
          Field{"limits", Type::Object}.honoured().of(limits_object),
          Field{"reservations", Type::Object}.honoured().of(reservations_object),
      });
  return object;
}

const Object& restart_policy_object() {
  static const Object object("deploy.restart_policy",
                             {
                                 Field{"condition", Type::String}.honoured(),
                                 Field{"delay", Type::Time}.honoured().shown_zero(),
                                 Field{"max_attempts", Type::Int}.honoured().shown_zero(),
                                 Field{"window", Type::Time}.honoured().shown_zero(),
                             });
  return object;
}

const Object& preference_object() {
  static const Object object("a placement preference", {
                                                           Field{"spread", Type::String},
                                                       });
  return object;
}

const Object& placement_object() {
  static const Object object("deploy.placement",
                             {
                                 Field{"constraints", Type::Strings},
                                 Field{"max_replicas_per_node", Type::Int},
                                 Field{"preferences", Type::ObjectList}.of(preference_object),
                             });
  return object;
}

const Object& update_object() {
  static const Object object("an update policy",
                             {
                                 Field{"delay", Type::Time},
                                 Field{"failure_action", Type::String},
                                 Field{"max_failure_ratio", Type::Number},
                                 Field{"monitor", Type::Time},
                                 Field{"order", Type::String}.one_of("start-first|stop-first"),
                                 Field{"parallelism", Type::Int}.shown_zero(),
                             });
  return object;
}

const Object& watch_object() {
  static const Object object("a watch rule", {
                                                 Field{"action", Type::String}.needed().one_of(
                                                     "rebuild|sync|restart|sync+restart|sync+exec"),
                                                 Field{"exec", Type::Object}.of(hook_object),
                                                 Field{"ignore", Type::StringOrList}.no_repeats(),
                                                 Field{"include", Type::StringOrList}.no_repeats(),
                                                 Field{"initial_sync", Type::Bool},
                                                 Field{"path", Type::String}.needed().shown_zero(),
                                                 Field{"target", Type::String},
                                             });
  return object;
}

}  // namespace

const Object& develop_object() {
  static const Object object("develop", {
                                            Field{"watch", Type::ObjectList}.of(watch_object),
                                        });
  return object;
}

const Object& deploy_object() {
  static const Object object(
      "deploy", {
                    Field{"endpoint_mode", Type::String},
                    Field{"labels", Type::Mapping},
                    Field{"mode", Type::String},
                    Field{"placement", Type::Object}.of(placement_object),
                    Field{"replicas", Type::Int}.honoured().shown_zero(),
                    Field{"resources", Type::Object}.honoured().of(resources_object),
                    Field{"restart_policy", Type::Object}.honoured().of(restart_policy_object),
                    Field{"rollback_config", Type::Object}.of(update_object),
                    Field{"update_config", Type::Object}.of(update_object),
                });
  return object;
}

const Object& build_object() {
  static const Object object(
      "build",
      {
          Field{"additional_contexts", Type::Mapping}.form(check_pairs),
          Field{"args", Type::Variables},
          Field{"cache_from", Type::Strings},
          Field{"cache_to", Type::Strings},
          Field{"context", Type::String},
          Field{"dockerfile", Type::String},
          Field{"dockerfile_inline", Type::String},
          Field{"entitlements", Type::Strings},
          Field{"extra_hosts", Type::Hosts}.unique(text_identity),
          Field{"isolation", Type::String},
          Field{"labels", Type::Mapping},
          Field{"network", Type::String},
          Field{"no_cache", Type::Bool},
          Field{"no_cache_filter", Type::StringOrList},
          Field{"platforms", Type::Strings},
          Field{"privileged", Type::Bool},
          Field{"provenance", Type::Scalar},
          Field{"pull", Type::Bool},
          Field{"sbom", Type::Scalar},
          Field{"secrets", Type::ObjectList}.of(file_reference_object).item_form(expand_source),
          Field{"shm_size", Type::Bytes},
          Field{"ssh", Type::Variables}.form(check_ssh),
          Field{"tags", Type::Strings}.unique(text_identity),
          Field{"target", Type::String},
          Field{"ulimits", Type::Any}.form(check_ulimits),
      });
  return object;
}

}  // namespace spec
