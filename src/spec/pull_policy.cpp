#include "spec/pull_policy.hpp"

#include "spec/units.hpp"

namespace spec {

std::optional<PullPolicy> parse_pull_policy(std::string_view text) {
  using When = PullPolicy::When;
  if (text.empty() || text == "missing" || text == "if_not_present" || text == "build" ||
      text == "refresh") {
    return PullPolicy{};
  }
  if (text == "always") return PullPolicy{When::Always, {}};
  if (text == "never") return PullPolicy{When::Never, {}};
  if (text == "daily") return PullPolicy{When::Older, std::chrono::hours(24)};
  if (text == "weekly") return PullPolicy{When::Older, std::chrono::hours(7 * 24)};
  constexpr std::string_view kEvery = "every_";
  if (!base::starts_with(text, kEvery)) return {};
  const auto age = parse_duration(text.substr(kEvery.size()));
  if (!age || age->count() <= 0) return {};
  return PullPolicy{When::Older, *age};
}

}  // namespace spec
