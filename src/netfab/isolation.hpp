// The nft table of one network: who may pass through its bridge, what is masqueraded, and the guard
// that keeps 127.0.0.0/8 unreachable from outside. Must not know published ports beyond "was
// DNATed".
#pragma once

#include "netfab/fabric.hpp"

namespace netfab {

void ensure_isolation(const Bridge& bridge);

}  // namespace netfab
