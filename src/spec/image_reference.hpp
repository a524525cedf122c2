// Whether a text can name an image. Source: the grammar of references in the distribution
// specification's reference implementation, and the transports of containers-transports(5).
#pragma once

#include <string>
#include <string_view>

namespace spec {

// Empty when it can, else what is wrong with it.
std::string image_reference_fault(std::string_view text);

}  // namespace spec
