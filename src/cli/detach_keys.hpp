// Detach keys: the keys that let go of a container's terminal, found in what is typed. Keys that
// begin the sequence are held back until it is clear whether it is meant.
#pragma once

#include <string>
#include <string_view>

namespace cli {

class DetachKeys {
 public:
  // "ctrl-p,ctrl-q", "a,ctrl-x": docker's words. Throws base::Error.
  explicit DetachKeys(std::string_view words = "ctrl-p,ctrl-q");

  // What of `typed` goes to the container. After detached() nothing does.
  std::string pass(std::string_view typed);
  [[nodiscard]] bool detached() const { return detached_; }

 private:
  std::string keys_;
  std::size_t seen_ = 0;
  bool detached_ = false;
};

}  // namespace cli
