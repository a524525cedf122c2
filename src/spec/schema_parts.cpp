#include "spec/schema_parts.hpp"

#include "spec/short_forms.hpp"

namespace spec {
namespace {

const Object& throttle_object() {
  static const Object object("a limit of a device",
                             {
                                 Field{"path", Type::String}.shown_zero().json("Path"),
                                 Field{"rate", Type::Bytes}.shown_zero().json("Rate"),
                             });
  return object;
}

const Object& weight_object() {
  static const Object object("a weight of a device",
                             {
                                 Field{"path", Type::String}.shown_zero().json("Path"),
                                 Field{"weight", Type::Int}.shown_zero().json("Weight"),
                             });
  return object;
}

const Object& mount_bind_object() {
  static const Object object(
      "bind", {
                  Field{"create_host_path", Type::Bool}.honoured(),
                  Field{"propagation", Type::String}.honoured(),
                  Field{"recursive", Type::String}.one_of("enabled|disabled|writable|readonly"),
                  Field{"selinux", Type::String}.one_of("z|Z"),
              });
  return object;
}

const Object& mount_volume_object() {
  static const Object object("volume", {
                                           Field{"labels", Type::Mapping},
                                           Field{"nocopy", Type::Bool}.honoured(),
                                           Field{"subpath", Type::String}.honoured(),
                                       });
  return object;
}

const Object& mount_tmpfs_object() {
  static const Object object("tmpfs", {
                                          Field{"mode", Type::Int}.honoured(),
                                          Field{"size", Type::Bytes}.honoured(),
                                      });
  return object;
}

const Object& mount_image_object() {
  static const Object object("image", {
                                          Field{"subpath", Type::String},
                                      });
  return object;
}

}  // namespace

const Object& healthcheck_object() {
  static const Object object("a healthcheck",
                             {
                                 Field{"disable", Type::Bool}.honoured(),
                                 Field{"interval", Type::Time}.honoured().shown_zero(),
                                 Field{"retries", Type::Int}.honoured().shown_zero(),
                                 Field{"start_interval", Type::Time}.honoured().shown_zero(),
                                 Field{"start_period", Type::Time}.honoured().shown_zero(),
                                 Field{"test", Type::Words}.honoured().form(expand_test),
                                 Field{"timeout", Type::Time}.honoured().shown_zero(),
                             });
  return object;
}

const Object& dependency_object() {
  static const Object object(
      "a dependency", {
                          Field{"condition", Type::String}.honoured().needed().one_of(
                              "service_started|service_healthy|service_completed_successfully"),
                          Field{"required", Type::Bool}.honoured().shown_zero(),
                          Field{"restart", Type::Bool}.honoured(),
                      });
  return object;
}

const Object& attachment_object() {
  static const Object object("a service's network",
                             {
                                 Field{"aliases", Type::Strings}.honoured().unique(text_identity),
                                 Field{"driver_opts", Type::Options},
                                 Field{"gw_priority", Type::Int}.honoured(),
                                 Field{"interface_name", Type::String},
                                 Field{"ipv4_address", Type::String}.honoured(),
                                 Field{"ipv6_address", Type::String}.honoured(),
                                 Field{"link_local_ips", Type::Strings}.unique(text_identity),
                                 Field{"mac_address", Type::String}.honoured(),
                                 Field{"priority", Type::Int}.honoured(),
                             });
  return object;
}

const Object& env_file_object() {
  static const Object object("an env_file",
                             {
                                 Field{"format", Type::String}.honoured(),
                                 Field{"path", Type::String}.honoured().needed(),
                                 Field{"required", Type::Bool}.honoured().shown_zero(),
                             });
  return object;
}

const Object& logging_object() {
  static const Object object("logging", {
                                            Field{"driver", Type::String}.honoured(),
                                            Field{"options", Type::Options}.honoured(),
                                        });
  return object;
}

const Object& device_object() {
  static const Object object("a device", {
                                             Field{"permissions", Type::String}.honoured(),
                                             Field{"source", Type::String}.honoured().needed(),
                                             Field{"target", Type::String}.honoured(),
                                         });
  return object;
}

const Object& file_reference_object() {
  static const Object object("a reference to a config or secret",
                             {
                                 Field{"gid", Type::String}.honoured(),
                                 Field{"mode", Type::FileMode}.honoured(),
                                 Field{"source", Type::String}.honoured(),
                                 Field{"target", Type::String}.honoured(),
                                 Field{"uid", Type::String}.honoured(),
                             });
  return object;
}

const Object& hook_object() {
  static const Object object("a hook", {
                                           Field{"command", Type::Words}.honoured().needed(),
                                           Field{"environment", Type::Variables}.honoured(),
                                           Field{"image", Type::String},
                                           Field{"per_replica", Type::Bool},
                                           Field{"privileged", Type::Bool}.honoured(),
                                           Field{"user", Type::String}.honoured(),
                                           Field{"working_dir", Type::String}.honoured(),
                                       });
  return object;
}

// A step of `pre_start` is a container of its own: the image may say what it runs.
const Object& step_object() {
  static const Object object("a step", {
                                           Field{"command", Type::Words}.honoured(),
                                           Field{"environment", Type::Variables}.honoured(),
                                           Field{"image", Type::String}.honoured(),
                                           Field{"per_replica", Type::Bool}.honoured(),
                                           Field{"privileged", Type::Bool}.honoured(),
                                           Field{"user", Type::String}.honoured(),
                                           Field{"working_dir", Type::String}.honoured(),
                                       });
  return object;
}

const Object& gpu_object() {
  static const Object object("a gpu", {
                                          Field{"capabilities", Type::Strings}.no_repeats(),
                                          Field{"count", Type::Any}.form(expand_count),
                                          Field{"device_ids", Type::Strings}.no_repeats(),
                                          Field{"driver", Type::String},
                                          Field{"options", Type::Mapping},
                                      });
  return object;
}

const Object& credential_spec_object() {
  static const Object object("a credential_spec", {
                                                      Field{"config", Type::String},
                                                      Field{"file", Type::String},
                                                      Field{"registry", Type::String},
                                                  });
  return object;
}

const Object& extends_object() {
  static const Object object("extends", {
                                            Field{"file", Type::String},
                                            Field{"service", Type::String}.needed(),
                                        });
  return object;
}

const Object& blkio_object() {
  static const Object object("blkio_config",
                             {
                                 Field{"device_read_bps", Type::ObjectList}.of(throttle_object),
                                 Field{"device_read_iops", Type::ObjectList}.of(throttle_object),
                                 Field{"device_write_bps", Type::ObjectList}.of(throttle_object),
                                 Field{"device_write_iops", Type::ObjectList}.of(throttle_object),
                                 Field{"weight", Type::Int},
                                 Field{"weight_device", Type::ObjectList}.of(weight_object),
                             });
  return object;
}

const Object& provider_object() {
  static const Object object("a provider", {
                                               Field{"options", Type::Any}.form(expand_options),
                                               Field{"type", Type::String}.needed(),
                                           });
  return object;
}

const Object& service_model_object() {
  static const Object object("a service's model", {
                                                      Field{"endpoint_var", Type::String},
                                                      Field{"model_var", Type::String},
                                                  });
  return object;
}

const Object& port_object() {
  static const Object object("a port", {
                                           Field{"app_protocol", Type::String}.honoured(),
                                           Field{"host_ip", Type::String}.honoured(),
                                           Field{"mode", Type::String}.honoured(),
                                           Field{"name", Type::String}.honoured(),
                                           Field{"protocol", Type::String}.honoured(),
                                           Field{"published", Type::Scalar}.honoured(),
                                           Field{"target", Type::Any}.honoured().needed(),
                                       });
  return object;
}

const Object& mount_object() {
  static const Object object("a volume of a service",
                             {
                                 Field{"bind", Type::Object}.honoured().of(mount_bind_object),
                                 Field{"consistency", Type::String},
                                 Field{"image", Type::Object}.of(mount_image_object),
                                 Field{"read_only", Type::Bool}.honoured(),
                                 Field{"source", Type::String}.honoured(),
                                 Field{"target", Type::String}.honoured(),
                                 Field{"tmpfs", Type::Object}.honoured().of(mount_tmpfs_object),
                                 Field{"type", Type::String}.honoured().needed().one_of(
                                     "bind|volume|tmpfs|cluster|npipe|image"),
                                 Field{"volume", Type::Object}.honoured().of(mount_volume_object),
                             });
  return object;
}

}  // namespace spec
