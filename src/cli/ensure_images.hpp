// Images that a stack needs are fetched before anything is changed: pulled, loaded from archives,
// or unpacked again after a crash, as pull_policy and --pull say.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "cli/context.hpp"

namespace cli {

struct EnsureImages {
  std::string pull;  // --pull: overrides every service's policy; "" : theirs
  bool quiet = false;
  bool ignore_failures = false;       // of pulls: said, and the rest goes on
  bool ignore_buildable = false;      // not those of services with a build: section
  bool all = false;                   // `pull`: registries' images even when they are here
  std::vector<std::string> services;  // empty: all
};
// Throws base::Error. Returns the number of pulls that failed and were ignored.
unsigned ensure_images(const Context& context, const spec::Loaded& loaded,
                       const EnsureImages& options);

// --build: throws spec::SpecError with every build: section among `services` (empty: all), for
// images are not built here.
void refuse_build(const spec::Loaded& loaded, const std::vector<std::string>& services);

// The services named and those they depend on; all when none is named.
std::vector<std::string> with_dependencies(const spec::Stack& stack,
                                           const std::vector<std::string>& names);

}  // namespace cli
