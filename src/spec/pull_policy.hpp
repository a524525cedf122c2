// pull_policy: when `up` asks the registry for an image. A value read from the stack file or from
// --pull.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/text.hpp"

namespace spec {

struct PullPolicy {
  enum class When : std::uint8_t { Missing, Always, Never, Older } when = When::Missing;
  base::Duration age{};  // Older: what was pulled longer ago is asked for again
};

// always, missing, if_not_present, never, build (as missing: nothing is built), refresh (as
// missing, as with docker compose), daily, weekly, every_12h.
// "" is missing. Nothing when it is none of these.
std::optional<PullPolicy> parse_pull_policy(std::string_view text);

}  // namespace spec
