// Which images the stacks of this machine use: by what was last brought up and by what runs.
#pragma once

#include <map>
#include <set>
#include <string>

#include "cli/context.hpp"
#include "image/digest.hpp"

namespace cli {

// Image id → the containers ("shop-web-1 (stack shop)").
std::map<image::Digest, std::set<std::string>> images_in_use(const Context& context);
std::set<image::Digest> used_images(const Context& context);

}  // namespace cli
