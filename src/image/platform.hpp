// Platform: os, architecture and variant in the words of the OCI image specification (GOOS, GOARCH)
// and which of several an image index offers suits this machine best.
#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace image {

struct Platform {
  std::string os, architecture, variant;

  auto operator<=>(const Platform&) const = default;
  [[nodiscard]] std::string str() const;  // "linux/arm64/v8"
};

// This machine's (uname).
Platform host_platform();
// "linux/arm64", "linux/arm/v7", "arm64"; throws base::Error.
Platform parse_platform(std::string_view text);
// How well `offered` runs where `wanted` is asked for: 0 not at all, higher is better (an exact
// variant before an older one).
unsigned platform_rank(const Platform& wanted, const Platform& offered);

}  // namespace image
