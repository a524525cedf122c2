#include "spec/volume_options.hpp"

#include <algorithm>

#include "base/files.hpp"
#include "base/text.hpp"

namespace spec {
namespace {

std::string value_of(const StringMap& options, const char* key) {
  const auto at = options.find(key);
  return at == options.end() ? std::string() : at->second;
}

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

VolumeOptions refuse(std::string at, std::string problem, std::string hint) {
  VolumeOptions out;
  out.at = std::move(at);
  out.problem = std::move(problem);
  out.hint = std::move(hint);
  return out;
}

VolumeOptions read_tmpfs(const std::vector<std::string>& words) {
  VolumeOptions out;
  out.place.device = kTmpfsDevice;
  for (const std::string& word : words) {
    if (!is_tmpfs_option(word)) {
      return refuse("o", base::cat("a tmpfs has no option '", word, "'"),
                    "size=64m, mode=1777, uid=, gid=, noexec and the like");
    }
    if (word == "ro") out.place.read_only = true;
  }
  // Programs may lie in a volume, unlike in a `tmpfs:` of a service.
  std::vector<std::string> options = words;
  if (!has(words, "noexec")) options.insert(options.begin(), "exec");
  out.place.tmpfs_options = base::join(options, ",");
  return out;
}

VolumeOptions read_folder(const std::string& device, const std::vector<std::string>& words) {
  if (device.empty()) {
    return refuse("", "the folder is not named", "device: the absolute path of a folder");
  }
  if (device.front() != '/') {
    return refuse("device", base::cat("'", device, "' is not absolute"),
                  "device: the absolute path of a folder");
  }
  VolumeOptions out;
  out.place.device = base::clean_path(device);
  for (const std::string& word : words) {
    if (word == "rbind") {
      out.place.recursive = true;
    } else if (word == "ro") {
      out.place.read_only = true;
    } else if (word != "bind" && word != "rw" && word != "defaults") {
      out.without_effect.push_back(word);
    }
  }
  return out;
}

}  // namespace

VolumeOptions read_volume_options(const StringMap& options) {
  if (options.empty()) return {};
  for (const auto& [key, value] : options) {
    if (key == "size") {
      return refuse(key, "the size of a folder cannot be bounded here",
                    "remove it, or use type: tmpfs with o: size=64m");
    }
    if (key != "type" && key != "o" && key != "device") {
      return refuse(key, base::cat("the driver local has no option '", key, "'"),
                    "type, o and device");
    }
  }
  const std::string type = value_of(options, "type"), device = value_of(options, "device");
  std::vector<std::string> words = base::split(value_of(options, "o"), ',');
  std::erase(words, std::string());
  if (type == kTmpfsDevice) return read_tmpfs(words);
  if (has(words, "bind") || has(words, "rbind") || type == "none") {
    return read_folder(device, words);
  }
  return refuse(type.empty() ? "" : "type",
                type.empty() ? std::string("neither a type nor o: bind is given")
                             : base::cat("a file system of type ", type, " is not mounted here"),
                "mount it on the host, and give its folder: type: none, o: bind, device: /path");
}

bool is_tmpfs_option(std::string_view option) {
  const std::string_view name = option.substr(0, option.find('='));
  for (const std::string_view known :
       {"size",    "mode",     "uid",    "gid",  "nr_inodes", "nr_blocks", "rw",
        "ro",      "exec",     "noexec", "suid", "nosuid",    "dev",       "nodev",
        "noatime", "relatime", "huge",   "mpol", "sync",      "async"}) {
    if (name == known) return true;
  }
  return false;
}

}  // namespace spec
