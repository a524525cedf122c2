// The JSON forms of the store's records and names. Written by us, yet a crash may have cut them: a
// file that cannot be read counts as absent.
#pragma once

#include <optional>
#include <string>

#include "image/store.hpp"

namespace image {

std::string to_text(const StoredImage& image);
std::string to_text(const StoredName& name);
std::optional<StoredImage> parse_image(const std::string& text);
std::optional<StoredName> parse_name(const std::string& text);

struct LayerMeta {
  std::string boot;        // the boot during which it was unpacked
  std::uint64_t size = 0;  // bytes of its files
  std::uint64_t entries = 0;
};
std::string to_text(const LayerMeta& meta);
std::optional<LayerMeta> parse_layer_meta(const std::string& text);

}  // namespace image
