// The keys of the stack file itself, and of its networks, volumes, configs, secrets and models.
#include "spec/schema.hpp"
#include "spec/short_forms.hpp"

namespace spec {
namespace {

const Object& pool_object() {
  static const Object object("an ipam pool", {
                                                 Field{"aux_addresses", Type::Mapping},
                                                 Field{"gateway", Type::String}.honoured(),
                                                 Field{"ip_range", Type::String},
                                                 Field{"subnet", Type::String}.honoured(),
                                             });
  return object;
}

const Object& ipam_object() {
  static const Object object("ipam",
                             {
                                 Field{"config", Type::ObjectList}.honoured().of(pool_object),
                                 Field{"driver", Type::String},
                                 Field{"options", Type::Mapping},
                             });
  return object;
}

const Object& network_object() {
  static const Object object("a network",
                             {
                                 Field{"attachable", Type::Bool},
                                 Field{"driver", Type::String}.honoured(),
                                 Field{"driver_opts", Type::Options}.honoured(),
                                 Field{"enable_ipv4", Type::Bool}.shown_zero(),
                                 Field{"enable_ipv6", Type::Bool}.honoured().shown_zero(),
                                 Field{"external", Type::Any}.honoured().form(expand_external),
                                 Field{"internal", Type::Bool}.honoured(),
                                 Field{"ipam", Type::Object}.honoured().of(ipam_object),
                                 Field{"labels", Type::Mapping}.honoured(),
                                 Field{"name", Type::String}.honoured(),
                             });
  return object;
}

const Object& volume_object() {
  static const Object object("a volume",
                             {
                                 Field{"driver", Type::String}.honoured(),
                                 Field{"driver_opts", Type::Options}.honoured(),
                                 Field{"external", Type::Any}.honoured().form(expand_external),
                                 Field{"labels", Type::Mapping}.honoured(),
                                 Field{"name", Type::String}.honoured(),
                             });
  return object;
}

const Object& config_object() {
  static const Object object("a config",
                             {
                                 Field{"content", Type::String}.honoured(),
                                 Field{"environment", Type::String}.honoured(),
                                 Field{"external", Type::Any}.honoured().form(expand_external),
                                 Field{"file", Type::String}.honoured(),
                                 Field{"labels", Type::Mapping},
                                 Field{"name", Type::String}.honoured(),
                                 Field{"template_driver", Type::String},
                             });
  return object;
}

const Object& secret_object() {
  static const Object object("a secret",
                             {
                                 Field{"driver", Type::String},
                                 Field{"driver_opts", Type::Options},
                                 Field{"environment", Type::String}.honoured(),
                                 Field{"external", Type::Any}.honoured().form(expand_external),
                                 Field{"file", Type::String}.honoured(),
                                 Field{"labels", Type::Mapping},
                                 Field{"name", Type::String}.honoured(),
                                 Field{"template_driver", Type::String},
                             });
  return object;
}

const Object& model_object() {
  static const Object object("a model", {
                                            Field{"context_size", Type::Int},
                                            Field{"model", Type::String}.needed(),
                                            Field{"name", Type::String},
                                            Field{"runtime_flags", Type::Strings},
                                        });
  return object;
}

}  // namespace

const Object& include_object() {
  static const Object object("an include",
                             {
                                 Field{"env_file", Type::StringOrList}.honoured(),
                                 Field{"path", Type::StringOrList}.honoured().needed(),
                                 Field{"project_directory", Type::String}.honoured(),
                             });
  return object;
}

const Object& root_object() {
  static const Object object(
      "the stack file",
      {
          Field{"configs", Type::ObjectMap}.honoured().of(config_object),
          Field{"include", Type::ObjectList}
              .honoured()
              .of(include_object)
              .item_form(expand_include)
              .or_null(),
          Field{"models", Type::ObjectMap}.of(model_object),
          Field{"name", Type::String}.honoured(),
          Field{"networks", Type::ObjectMap}.honoured().of(network_object).null_items(),
          Field{"secrets", Type::ObjectMap}.honoured().of(secret_object),
          Field{"services", Type::ObjectMap}.honoured().of(service_object),
          Field{"version", Type::String}.honoured(),
          Field{"volumes", Type::ObjectMap}.honoured().of(volume_object).null_items(),
      });
  return object;
}

}  // namespace spec
