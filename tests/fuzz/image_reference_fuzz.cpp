// Any bytes as an image reference: what is read has a name that reads as the same image. What the
// stack file's own check lets through is no crash either.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "image/reference.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  image::Reference reference;
  try {
    reference = image::parse_reference(text, "/srv/stack");
  } catch (const base::Error&) {
    return 0;
  }
  const std::string name = reference.name();
  if (image::parse_reference(name, "/srv/stack").name() != name) std::abort();
  if (reference.is_registry() &&
      image::parse_reference(reference.familiar(), "/srv/stack").name() != name) {
    std::abort();
  }
  return 0;
}
