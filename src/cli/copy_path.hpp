// The two words of `cp`. Pure.
#pragma once

#include <string>

namespace cli {

struct CopyPath {
  std::string service;  // "": here
  std::string path;     // "-": a tar stream
};
// A word with a colon is a service's path, unless it begins with / or .
CopyPath parse_copy_path(const std::string& word);
// What the copy of this path is called in a folder; "": its contents are meant ("/.", "/").
std::string copied_name(std::string path);

}  // namespace cli
