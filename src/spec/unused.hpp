// What no active service uses is not part of the model.
#pragma once

#include "spec/node.hpp"

namespace spec {

void drop_unused(Node& document);

}  // namespace spec
