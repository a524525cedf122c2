// How images are shown: repository and tag of a name, ages, and the JSON of `image inspect`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "image/store.hpp"

namespace cli {

struct ShownName {
  std::string repository, tag;  // "redis", "7"; "<none>" where there is none
};
ShownName shown_name(const std::string& name);
// "2024-05-01T10:00:00Z" → "3 weeks ago"; "N/A" when it is no time.
std::string created_text(const std::string& created);
// Docker's keys. The same for one image however it came.
nlohmann::json describe_image(const image::StoredImage& image,
                              const std::vector<image::StoredName>& names);

}  // namespace cli
