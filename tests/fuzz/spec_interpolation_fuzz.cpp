#include <cstddef>
#include <cstdint>
#include <string_view>

#include "spec/interpolate.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)spec::substitute(text, [](const std::string& name) {
    return name.size() == 1 ? std::optional<std::string>("value") : std::nullopt;
  });
  return 0;
}
