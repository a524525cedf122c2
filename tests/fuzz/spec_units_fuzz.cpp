// Any bytes as a duration, a size or a plain scalar. What a duration is printed as reads as the
// same one; a number's canonical text reads as the same number.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "spec/node.hpp"
#include "spec/units.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto duration = spec::parse_duration(text)) {
    if (spec::parse_duration(spec::duration_text(*duration)) != duration) std::abort();
  }
  if (const auto bytes = spec::parse_bytes(text); bytes && *bytes < -1) std::abort();
  spec::Node scalar;
  spec::resolve_plain(text, scalar);
  if (scalar.kind == spec::Kind::Int) {
    spec::Node again;
    spec::resolve_plain(scalar.text, again);
    if (again.kind != spec::Kind::Int || again.text != scalar.text) std::abort();
  }
  return 0;
}
