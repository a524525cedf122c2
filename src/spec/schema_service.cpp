// The keys of a service. Those of the objects inside it are in schema_parts.cpp.
#include "spec/schema.hpp"
#include "spec/schema_parts.hpp"
#include "spec/short_forms.hpp"

namespace spec {

const Object& service_object() {
  static const Object object(
      "a service",
      {
          Field{"annotations", Type::Mapping},
          Field{"attach", Type::Bool}.honoured().shown_zero(),
          Field{"blkio_config", Type::Object}.of(blkio_object),
          Field{"build", Type::Object}.of(build_object).form(expand_context),
          Field{"cap_add", Type::Strings}.honoured().unique(text_identity),
          Field{"cap_drop", Type::Strings}.honoured().unique(text_identity),
          Field{"cgroup", Type::String}.one_of("host|private"),
          Field{"cgroup_parent", Type::String},
          Field{"command", Type::Words}.honoured().or_null().shown_zero(),
          Field{"configs", Type::ObjectList}
              .honoured()
              .of(file_reference_object)
              .item_form(expand_source)
              .unique(config_identity),
          Field{"container_name", Type::String}.honoured(),
          Field{"cpu_count", Type::Int},
          Field{"cpu_percent", Type::Number},
          Field{"cpu_period", Type::Int}.honoured(),
          Field{"cpu_quota", Type::Int}.honoured(),
          Field{"cpu_rt_period", Type::Int},
          Field{"cpu_rt_runtime", Type::Int},
          Field{"cpu_shares", Type::Int}.honoured(),
          Field{"cpus", Type::Number}.honoured(),
          Field{"cpuset", Type::String}.honoured(),
          Field{"credential_spec", Type::Object}.of(credential_spec_object),
          Field{"depends_on", Type::ObjectMap}
              .honoured()
              .of(dependency_object)
              .form(expand_depends_on),
          Field{"deploy", Type::Object}.honoured().of(deploy_object).or_null(),
          Field{"develop", Type::Object}.of(develop_object).or_null(),
          Field{"device_cgroup_rules", Type::Strings}.no_repeats(),
          Field{"devices", Type::ObjectList}
              .honoured()
              .of(device_object)
              .item_form(expand_device)
              .unique(target_identity),
          Field{"dns", Type::StringOrList}.honoured().unique(text_identity),
          Field{"dns_opt", Type::Strings}.honoured().unique(text_identity),
          Field{"dns_search", Type::StringOrList}.honoured().unique(text_identity),
          Field{"domainname", Type::String}.honoured(),
          Field{"entrypoint", Type::Words}.honoured().or_null().shown_zero(),
          Field{"env_file", Type::ObjectList}
              .honoured()
              .of(env_file_object)
              .form(expand_env_files)
              .item_form(expand_env_file)
              .unique(path_identity),
          Field{"environment", Type::Variables}.honoured(),
          Field{"expose", Type::Scalars}.honoured().unique(text_identity),
          Field{"extends", Type::Object}.honoured().of(extends_object).form(expand_extends),
          Field{"external_links", Type::Strings}.no_repeats(),
          Field{"extra_hosts", Type::Hosts}.honoured().unique(text_identity),
          Field{"gpus", Type::ObjectList}.of(gpu_object).form(expand_gpus),
          Field{"group_add", Type::Scalars}.honoured().no_repeats(),
          Field{"healthcheck", Type::Object}.honoured().of(healthcheck_object),
          Field{"hostname", Type::String}.honoured(),
          Field{"image", Type::String}.honoured(),
          Field{"init", Type::Bool}.honoured().shown_zero(),
          Field{"ipc", Type::String},
          Field{"isolation", Type::String},
          Field{"label_file", Type::StringOrList}.honoured(),
          Field{"labels", Type::Mapping}.honoured(),
          Field{"links", Type::Strings}.honoured().unique(key_identity),
          Field{"logging", Type::Object}.honoured().of(logging_object),
          Field{"mac_address", Type::String},
          Field{"mem_limit", Type::Bytes}.honoured(),
          Field{"mem_reservation", Type::Bytes}.honoured(),
          Field{"mem_swappiness", Type::Bytes},
          Field{"memswap_limit", Type::Bytes}.honoured(),
          Field{"models", Type::ObjectMap}.of(service_model_object).form(expand_names).null_items(),
          Field{"network_mode", Type::String}.honoured(),
          Field{"networks", Type::ObjectMap}
              .honoured()
              .of(attachment_object)
              .form(expand_names)
              .null_items(),
          Field{"oom_kill_disable", Type::Bool},
          Field{"oom_score_adj", Type::Int}.honoured(),
          Field{"pid", Type::String}.or_null(),
          Field{"pids_limit", Type::Int}.honoured(),
          Field{"platform", Type::String}.honoured(),
          Field{"ports", Type::ObjectList}
              .honoured()
              .of(port_object)
              .item_form(expand_port)
              .unique(port_identity),
          Field{"post_start", Type::ObjectList}.honoured().of(hook_object),
          Field{"pre_start", Type::ObjectList}.honoured().of(step_object),
          Field{"pre_stop", Type::ObjectList}.honoured().of(hook_object),
          Field{"privileged", Type::Bool}.honoured(),
          Field{"profiles", Type::Strings}.honoured().unique(text_identity),
          Field{"provider", Type::Object}.of(provider_object),
          Field{"pull_policy", Type::String}.honoured().form(check_pull_policy),
          Field{"pull_refresh_after", Type::String},
          Field{"read_only", Type::Bool}.honoured(),
          Field{"restart", Type::String}.honoured(),
          Field{"runtime", Type::String},
          Field{"scale", Type::Int}.honoured().shown_zero(),
          Field{"secrets", Type::ObjectList}
              .honoured()
              .of(file_reference_object)
              .item_form(expand_source)
              .unique(secret_identity),
          Field{"security_opt", Type::Strings}.honoured().no_repeats(),
          Field{"shm_size", Type::Bytes}.honoured(),
          Field{"stdin_open", Type::Bool}.honoured(),
          Field{"stop_grace_period", Type::Time}.honoured().shown_zero(),
          Field{"stop_signal", Type::String}.honoured(),
          Field{"storage_opt", Type::Options},
          Field{"sysctls", Type::Mapping}.honoured(),
          Field{"tmpfs", Type::StringOrList}.honoured().unique(text_identity),
          Field{"tty", Type::Bool}.honoured(),
          Field{"ulimits", Type::Any}.honoured().form(check_ulimits),
          Field{"use_api_socket", Type::Bool},
          Field{"user", Type::String}.honoured(),
          Field{"userns_mode", Type::String},
          Field{"uts", Type::String},
          Field{"volumes", Type::ObjectList}
              .honoured()
              .of(mount_object)
              .item_form(expand_mount)
              .unique(mount_identity),
          Field{"volumes_from", Type::Strings}.no_repeats(),
          Field{"working_dir", Type::String}.honoured(),
      });
  return object;
}

}  // namespace spec
