// In which order `config` prints keys: as docker compose does, objects in the order of its types,
// everything else by name.
#pragma once

#include "spec/node.hpp"

namespace spec {

void put_in_output_order(Node& document);

}  // namespace spec
