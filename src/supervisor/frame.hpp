// Frames on the control socket: 4 bytes length (little endian), then JSON text. Bounded: a peer
// that announces more is cut off.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace supervisor {

inline constexpr std::size_t kMaxFrame = 64U << 20U;

std::string make_frame(std::string_view text);
// Takes the first whole frame out of `buffer`; nothing when it is not complete yet.
// Throws base::Error when the length is out of bounds.
std::optional<std::string> take_frame(std::string& buffer);

}  // namespace supervisor
