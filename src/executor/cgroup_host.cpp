// CgroupHost: which hierarchies this machine has.
#include <algorithm>
#include <set>

#include "base/files.hpp"
#include "base/text.hpp"
#include "executor/cgroup.hpp"

namespace executor {

namespace {

// mountinfo writes blanks and the like as \ooo.
std::string unescape(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Super block options that are not controllers.
bool is_option(const std::string& word) {
  static const std::set<std::string> kOptions = {
      "rw",       "ro",          "xattr", "noprefix", "clone_children", "cpuset_v2_mode",
      "relatime", "favordynmods"};
  return kOptions.count(word) != 0 || base::starts_with(word, "release_agent=");
}

CgroupHost detect() {
  CgroupHost host;
  std::set<std::string> seen;
  const std::string mounts = base::read_file("/proc/self/mountinfo");
  for (std::size_t at = 0; at < mounts.size();) {
    const std::size_t end = std::min(mounts.find('\n', at), mounts.size());
    const std::string line = mounts.substr(at, end - at);
    at = end + 1;
    const std::size_t dash = line.find(" - cgroup");
    if (dash == std::string::npos) continue;
    const std::vector<std::string> left = base::split(line.substr(0, dash), ' ');
    const std::vector<std::string> right = base::split(line.substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3) continue;
    CgroupHost::Hierarchy hierarchy;
    hierarchy.mount = unescape(left[4]);
    if (right[0] == "cgroup2") {
      if (!seen.insert("cgroup2").second) continue;
      hierarchy.v2 = true;
      const auto available = base::try_read_file(hierarchy.mount + "/cgroup.controllers");
      for (const std::string& name : base::split(base::trim(available.value_or("")), ' ')) {
        if (!name.empty()) hierarchy.controllers.push_back(name);
      }
    } else if (right[0] == "cgroup") {
      for (const std::string& word : base::split(right[2], ',')) {
        if (!is_option(word)) hierarchy.controllers.push_back(word);
      }
      if (hierarchy.controllers.empty() ||
          !seen.insert(base::join(hierarchy.controllers, ",")).second) {
        continue;
      }
    } else {
      continue;
    }
    host.hierarchies.push_back(std::move(hierarchy));
  }
  return host;
}

}  // namespace

const CgroupHost& CgroupHost::get() {
  static const CgroupHost host = detect();
  return host;
}

const CgroupHost::Hierarchy* CgroupHost::with(const std::string& controller) const {
  for (const Hierarchy& hierarchy : hierarchies) {
    if (std::find(hierarchy.controllers.begin(), hierarchy.controllers.end(), controller) !=
        hierarchy.controllers.end()) {
      return &hierarchy;
    }
  }
  return nullptr;
}

bool CgroupHost::pure_v2() const {
  return hierarchies.size() == 1 && hierarchies.front().v2;
}

}  // namespace executor
