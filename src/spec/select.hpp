// Which part of a normalised document is the model: the services that were named with what they
// depend on, and of networks, volumes, configs, secrets and models what a service uses.
#pragma once

#include <string>
#include <vector>

#include "spec/node.hpp"

namespace spec {

// Throws base::Error when there is no such service.
void select_services(Node& document, const std::vector<std::string>& names);
void drop_unused(Node& document);

}  // namespace spec
