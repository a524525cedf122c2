// Capabilities by name, and the set a container has. Source: man 7 capabilities; the default set is
// podman's. Knows nothing of processes; the child takes the set on (child_user.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace executor {

using CapabilitySet = std::uint64_t;  // bit n: capability n

// "NET_ADMIN", "cap_net_admin": its number; nothing for an unknown name.
std::optional<unsigned> capability_number(const std::string& name);
// All that this kernel knows and this process may give away (its own bounding set).
CapabilitySet all_capabilities();
CapabilitySet default_capabilities();

struct CapabilityRequest {
  const std::vector<std::string>& add;  // names, or ALL
  const std::vector<std::string>& drop;
  bool privileged = false;
};
// As docker does: the base is the default set, or everything when `add` has ALL, or nothing when
// `drop` has ALL; single names win. Throws base::Error naming an unknown capability, or one this
// machine does not have.
CapabilitySet resolve_capabilities(const CapabilityRequest& request);

constexpr bool has_capability(CapabilitySet set, unsigned number) {
  return (set >> number & 1U) != 0;
}

}  // namespace executor
