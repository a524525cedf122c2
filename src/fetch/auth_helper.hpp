// A credential helper: `docker-credential-NAME get`, asked over its standard input and output as
// docker asks it. Bounded in time and output; what it says on standard error is not read.
#pragma once

#include <optional>
#include <string>

#include "base/text.hpp"

namespace fetch {

struct HelperAnswer {
  std::string user, secret;
};
struct HelperBounds {
  base::Duration time = std::chrono::seconds(20);
  std::size_t bytes = 64U << 10U;
};

// Nothing when the helper has no such server. Throws base::Error naming the helper, never its
// output, when it cannot be run, does not end in time or makes no sense.
std::optional<HelperAnswer> ask_helper(const std::string& name, const std::string& server,
                                       HelperBounds bounds = {});

}  // namespace fetch
