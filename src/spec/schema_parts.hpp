// The objects inside a service, for the tables of the schema only.
#pragma once

#include "spec/schema.hpp"

namespace spec {

const Object& attachment_object();
const Object& blkio_object();
const Object& credential_spec_object();
const Object& dependency_object();
const Object& device_object();
const Object& env_file_object();
const Object& healthcheck_object();
const Object& logging_object();
const Object& provider_object();
const Object& service_model_object();

}  // namespace spec
