// Any bytes as the value of `image:` in a stack file: refused with a text of one line, or read into
// parts that the grammar allows.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "base/image_name.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  base::ImageName name;
  try {
    name = base::parse_image_name(text);
  } catch (const base::Error& error) {
    if (error.what()[0] == '\0') std::abort();
    return 0;
  }
  if (text.empty()) std::abort();
  if (!name.digest.empty() && !base::is_digest(name.digest)) std::abort();
  if (name.transport != base::ImageTransport::Registry) return 0;
  if (name.registry.empty() || name.repository.empty()) std::abort();
  if (name.tag.empty() && name.digest.empty()) std::abort();
  if (name.repository.find("..") != std::string::npos) std::abort();
  return 0;
}
