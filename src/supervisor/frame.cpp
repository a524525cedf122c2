#include "supervisor/frame.hpp"

#include <cstdint>
#include <cstring>

#include "base/error.hpp"

namespace supervisor {

std::string make_frame(std::string_view text) {
  if (text.size() > kMaxFrame) throw base::Error("message too large for the control socket");
  const auto size = static_cast<std::uint32_t>(text.size());
  std::string out(sizeof(size), '\0');
  std::memcpy(out.data(), &size, sizeof(size));
  return out.append(text);
}

std::optional<std::string> take_frame(std::string& buffer) {
  std::uint32_t size = 0;
  if (buffer.size() < sizeof(size)) return {};
  std::memcpy(&size, buffer.data(), sizeof(size));
  if (size > kMaxFrame) throw base::Error("message too large on the control socket");
  if (buffer.size() < sizeof(size) + size) return {};
  std::string out = buffer.substr(sizeof(size), size);
  buffer.erase(0, sizeof(size) + size);
  return out;
}

}  // namespace supervisor
