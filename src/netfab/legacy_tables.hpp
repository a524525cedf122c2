// The rules of legacy iptables (ip_tables.ko), which nf_tables does not show. Reads one thing only:
// whether the FORWARD chain drops what our bridges send and receive.
#pragma once

#include "netfab/fabric.hpp"

namespace netfab {

// Policy drop, and no accept for interfaces "st-+" (or for everything) in both directions. Never
// loads the module.
bool legacy_forward_drops(base::Family family);

}  // namespace netfab
