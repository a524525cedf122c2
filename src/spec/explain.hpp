// explain(): where a value of the canonical model came from. Places are in the model itself; what
// variables stood in its text is read again from the file, so that loading pays nothing for it.
#pragma once

#include <string>

#include "spec/load.hpp"

namespace spec {

// `path`: services.web.environment.X, services.web.ports[0].published; a mapping or list explains
// every value below it. Throws base::Error, with the nearest key, when there is no such value.
std::string explain(const Loaded& loaded, const std::string& path);

}  // namespace spec
