// JSON from outside: bounded in bytes and depth before it is parsed, fields read with their type
// and length checked. For the documents of images only.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "image/config.hpp"

namespace fetch {

// An object; throws base::Error that names `what`.
nlohmann::json parse_bounded(std::string_view bytes, const std::string& what, std::size_t most);
// "" when absent or null; throws when it is no text or longer than `most`.
std::string text_of(const nlohmann::json& in, const char* key, std::size_t most);
// The object `config` of an image's configuration (OCI image specification, config.md; docker's
// Healthcheck besides).
image::ImageConfig image_config_from(const nlohmann::json& in);

}  // namespace fetch
