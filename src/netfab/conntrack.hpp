// Connection tracking entries of udp ports: a client that keeps sending would keep reaching what
// was behind a port before it changed, for an entry's translation is decided by its first packet.
#pragma once

#include <vector>

#include "netfab/fabric.hpp"

namespace netfab {

// Deletes the entries that lead to or should have led to these published ports.
void forget_udp(const std::vector<PublishedPort>& changed);

}  // namespace netfab
