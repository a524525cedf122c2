// The guard that goes together with route_localnet: 127.0.0.0/8 never arrives from, and never leads
// through, an interface other than lo. Shared by the networks' and the published ports' tables.
#pragma once

#include "netfab/nft.hpp"

namespace netfab {

// Adds the chain "guard" to the table under construction.
void add_loopback_guard(nft::Transaction& table);

}  // namespace netfab
