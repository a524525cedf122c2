// resolve_paths(): relative paths of a canonical document become absolute, seen from the folder of
// its project (or of the file that a service is taken from).
#pragma once

#include <string>

#include "spec/node.hpp"

namespace spec {

void resolve_paths(Node& document, const std::string& directory, const std::string& home);
void resolve_service_paths(Node& service, const std::string& directory, const std::string& home);

// One path: ~ is `home`; an absolute one is shown as it is written.
std::string resolved_path(const std::string& path, const std::string& directory,
                          const std::string& home);

}  // namespace spec
