#include "spec/schema.hpp"
#include "spec/short_forms.hpp"

namespace spec {
namespace {

const Object& healthcheck_object() {
  static const Object object("a healthcheck", {
                                                  {"disable", Type::Bool, kYes},
                                                  {"interval", Type::Time, kYes},
                                                  {"retries", Type::Int, kYes},
                                                  {"start_interval", Type::Time, kYes},
                                                  {"start_period", Type::Time, kYes},
                                                  {"test", Type::Words, kYes, nullptr, expand_test},
                                                  {"timeout", Type::Time, kYes},
                                              });
  return object;
}

const Object& dependency_object() {
  static const Object object("a dependency", {
                                                 {"condition", Type::String, kYes},
                                                 {"required", Type::Bool, kYes},
                                                 {"restart", Type::Bool, kYes},
                                             });
  return object;
}

const Object& attachment_object() {
  static const Object object("a service's network", {
                                                        {"aliases", Type::Strings, kYes, nullptr,
                                                         nullptr, nullptr, text_identity},
                                                        {"driver_opts", Type::Mapping},
                                                        {"gw_priority", Type::Int, kYes},
                                                        {"interface_name", Type::String},
                                                        {"ipv4_address", Type::String, kYes},
                                                        {"ipv6_address", Type::String, kYes},
                                                        {"link_local_ips", Type::Strings},
                                                        {"mac_address", Type::String, kYes},
                                                        {"priority", Type::Int, kYes},
                                                    });
  return object;
}

const Object& env_file_object() {
  static const Object object("an env_file", {
                                                {"format", Type::String, kYes},
                                                {"path", Type::String, kYes},
                                                {"required", Type::Bool, kYes},
                                            });
  return object;
}

const Object& logging_object() {
  static const Object object("logging", {
                                            {"driver", Type::String, kYes},
                                            {"options", Type::Mapping, kYes},
                                        });
  return object;
}

const Object& device_object() {
  static const Object object("a device", {
                                             {"permissions", Type::String, kYes},
                                             {"source", Type::String, kYes},
                                             {"target", Type::String, kYes},
                                         });
  return object;
}

const Object& file_reference_object() {
  static const Object object("a reference to a config or secret", {
                                                                      {"gid", Type::Scalar},
                                                                      {"mode", Type::Any},
                                                                      {"source", Type::String},
                                                                      {"target", Type::String},
                                                                      {"uid", Type::Scalar},
                                                                  });
  return object;
}

const Object& hook_object() {
  static const Object object("a hook", {
                                           {"command", Type::Words},
                                           {"environment", Type::Mapping},
                                           {"per_replica", Type::Bool},
                                           {"privileged", Type::Bool},
                                           {"user", Type::String},
                                           {"working_dir", Type::String},
                                           {"image", Type::String},
                                       });
  return object;
}

const Object& gpu_object() {
  static const Object object("a gpu", {
                                          {"capabilities", Type::Strings},
                                          {"count", Type::Any},
                                          {"device_ids", Type::Strings},
                                          {"driver", Type::String},
                                          {"options", Type::Mapping},
                                      });
  return object;
}

const Object& credential_spec_object() {
  static const Object object("a credential_spec", {
                                                      {"config", Type::String},
                                                      {"file", Type::String},
                                                      {"registry", Type::String},
                                                  });
  return object;
}

const Object& extends_object() {
  static const Object object("extends", {
                                            {"file", Type::String},
                                            {"service", Type::String},
                                        });
  return object;
}

const Object& blkio_object() {
  static const Object object("blkio_config", {
                                                 {"device_read_bps"},
                                                 {"device_read_iops"},
                                                 {"device_write_bps"},
                                                 {"device_write_iops"},
                                                 {"weight", Type::Int},
                                                 {"weight_device"},
                                             });
  return object;
}

const Object& provider_object() {
  static const Object object("a provider", {
                                               {"options", Type::Any},
                                               {"type", Type::String},
                                           });
  return object;
}

}  // namespace

const Object& port_object() {
  static const Object object("a port", {
                                           {"app_protocol", Type::String, kYes},
                                           {"host_ip", Type::String, kYes},
                                           {"mode", Type::String, kYes},
                                           {"name", Type::String, kYes},
                                           {"protocol", Type::String, kYes},
                                           {"published", Type::Scalar, kYes},
                                           {"target", Type::Any, kYes},
                                       });
  return object;
}

namespace {

const Object& mount_bind_object() {
  static const Object object("bind", {
                                         {"create_host_path", Type::Bool, kYes},
                                         {"propagation", Type::String, kYes},
                                         {"recursive", Type::String},
                                         {"selinux", Type::String},
                                     });
  return object;
}

const Object& mount_volume_object() {
  static const Object object("volume", {
                                           {"labels", Type::Mapping},
                                           {"nocopy", Type::Bool, kYes},
                                           {"subpath", Type::String, kYes},
                                       });
  return object;
}

const Object& mount_tmpfs_object() {
  static const Object object("tmpfs", {
                                          {"mode", Type::Int, kYes},
                                          {"size", Type::Bytes, kYes},
                                      });
  return object;
}

const Object& mount_image_object() {
  static const Object object("image", {
                                          {"subpath", Type::String},
                                      });
  return object;
}

}  // namespace

const Object& mount_object() {
  static const Object object(
      "a volume of a service",
      {
          {"bind", Type::Object, kYes, mount_bind_object, nullptr, nullptr, nullptr, true},
          {"consistency", Type::String},
          {"image", Type::Object, kNone, mount_image_object, nullptr, nullptr, nullptr, true},
          {"read_only", Type::Bool, kYes},
          {"source", Type::String, kYes},
          {"target", Type::String, kYes},
          {"tmpfs", Type::Object, kYes, mount_tmpfs_object, nullptr, nullptr, nullptr, true},
          {"type", Type::String, kYes},
          {"volume", Type::Object, kYes, mount_volume_object, nullptr, nullptr, nullptr, true},
      });
  return object;
}

const Object& service_object() {
  static const Object object(
      "a service",
      {
          {"annotations", Type::Mapping},
          {"attach", Type::Bool},
          {"blkio_config", Type::Object, kNone, blkio_object},
          {"build", Type::Object, kNone, build_object, expand_context},
          {"cap_add", Type::Strings, kYes, nullptr, nullptr, nullptr, text_identity},
          {"cap_drop", Type::Strings, kYes, nullptr, nullptr, nullptr, text_identity},
          {"cgroup", Type::String},
          {"cgroup_parent", Type::String},
          {"command", Type::Words, kYes, nullptr, nullptr, nullptr, nullptr, true},
          {"configs", Type::ObjectList, kNone, file_reference_object, nullptr, expand_source,
           source_identity},
          {"container_name", Type::String, kYes},
          {"cpu_count", Type::Int},
          {"cpu_percent", Type::Number},
          {"cpu_period", Type::Int, kYes},
          {"cpu_quota", Type::Int, kYes},
          {"cpu_rt_period", Type::Any},
          {"cpu_rt_runtime", Type::Any},
          {"cpu_shares", Type::Int, kYes},
          {"cpus", Type::Number, kYes},
          {"cpuset", Type::String, kYes},
          {"credential_spec", Type::Object, kNone, credential_spec_object},
          {"depends_on", Type::ObjectMap, kYes, dependency_object, expand_depends_on},
          {"deploy", Type::Object, kYes, deploy_object, nullptr, nullptr, nullptr, true},
          {"develop", Type::Object, kNone, develop_object, nullptr, nullptr, nullptr, true},
          {"device_cgroup_rules", Type::Strings},
          {"devices", Type::ObjectList, kYes, device_object, nullptr, expand_device,
           target_identity},
          {"dns", Type::StringOrList, kYes, nullptr, nullptr, nullptr, text_identity},
          {"dns_opt", Type::Strings, kYes, nullptr, nullptr, nullptr, text_identity},
          {"dns_search", Type::StringOrList, kYes, nullptr, nullptr, nullptr, text_identity},
          {"domainname", Type::String, kYes},
          {"entrypoint", Type::Words, kYes, nullptr, nullptr, nullptr, nullptr, true},
          {"env_file", Type::ObjectList, kYes, env_file_object, expand_env_files, expand_env_file},
          {"environment", Type::Mapping, kYes},
          {"expose", Type::Scalars, kYes, nullptr, nullptr, nullptr, text_identity},
          {"extends", Type::Object, kNone, extends_object, expand_extends},
          {"external_links", Type::Strings},
          {"extra_hosts", Type::Hosts, kYes, nullptr, nullptr, nullptr, text_identity},
          {"gpus", Type::ObjectList, kNone, gpu_object, expand_gpus},
          {"group_add", Type::Scalars, kYes, nullptr, nullptr, nullptr, text_identity},
          {"healthcheck", Type::Object, kYes, healthcheck_object},
          {"hostname", Type::String, kYes},
          {"image", Type::String, kYes},
          {"init", Type::Bool, kYes},
          {"ipc", Type::String},
          {"isolation", Type::String},
          {"label_file", Type::StringOrList},
          {"labels", Type::Mapping, kYes},
          {"links", Type::Strings, kYes, nullptr, nullptr, nullptr, text_identity},
          {"logging", Type::Object, kYes, logging_object},
          {"mac_address", Type::String},
          {"mem_limit", Type::Bytes, kYes},
          {"mem_reservation", Type::Bytes, kYes},
          {"mem_swappiness", Type::Int},
          {"memswap_limit", Type::Bytes, kYes},
          {"models", Type::Any},
          {"network_mode", Type::String, kYes},
          {"networks", Type::ObjectMap, kYes, attachment_object, expand_names},
          {"oom_kill_disable", Type::Bool},
          {"oom_score_adj", Type::Int, kYes},
          {"pid", Type::String},
          {"pids_limit", Type::Int, kYes},
          {"platform", Type::String, kYes},
          {"ports", Type::ObjectList, kYes, port_object, nullptr, expand_port, port_identity},
          {"post_start", Type::ObjectList, kNone, hook_object},
          {"pre_start", Type::ObjectList, kNone, hook_object},
          {"pre_stop", Type::ObjectList, kNone, hook_object},
          {"privileged", Type::Bool, kYes},
          {"profiles", Type::Strings, kYes, nullptr, nullptr, nullptr, text_identity},
          {"provider", Type::Object, kNone, provider_object},
          {"pull_policy", Type::String, kYes},
          {"pull_refresh_after", Type::String},
          {"read_only", Type::Bool, kYes},
          {"restart", Type::String, kYes},
          {"runtime", Type::String},
          {"scale", Type::Int, kYes},
          {"secrets", Type::ObjectList, kNone, file_reference_object, nullptr, expand_source,
           source_identity},
          {"security_opt", Type::Strings, kYes, nullptr, nullptr, nullptr, text_identity},
          {"shm_size", Type::Bytes, kYes},
          {"stdin_open", Type::Bool, kYes},
          {"stop_grace_period", Type::Time, kYes},
          {"stop_signal", Type::String, kYes},
          {"storage_opt", Type::Any},
          {"sysctls", Type::Mapping, kYes},
          {"tmpfs", Type::StringOrList, kYes, nullptr, nullptr, nullptr, text_identity},
          {"tty", Type::Bool, kYes},
          {"ulimits", Type::Any, kYes, nullptr, check_ulimits},
          {"use_api_socket", Type::Bool},
          {"user", Type::String, kYes},
          {"userns_mode", Type::String},
          {"uts", Type::String},
          {"volumes", Type::ObjectList, kYes, mount_object, nullptr, expand_mount, target_identity},
          {"volumes_from", Type::Strings, kNone, nullptr, nullptr, nullptr, text_identity},
          {"working_dir", Type::String, kYes},
      });
  return object;
}

}  // namespace spec
