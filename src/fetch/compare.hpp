// compare_trees(): whether two unpacked layers are the same: types, content, modes, owners, times,
// links, attributes. For `stack image verify`.
#pragma once

#include <string>

namespace fetch {

// "" when they are the same; else what differs first ("etc/passwd: content").
std::string compare_trees(const std::string& one, const std::string& other);

}  // namespace fetch
