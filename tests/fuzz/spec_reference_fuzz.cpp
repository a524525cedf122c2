// Any bytes as the value of `image:` in a stack file: a fault is a text of one line, or there is
// none.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "spec/image_reference.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string fault = spec::image_reference_fault(text);
  if (fault != spec::image_reference_fault(text)) std::abort();
  if (text.empty() && fault.empty()) std::abort();
  return 0;
}
