// Progress: what stack-image tells `stack` while it works, one JSON object a line on standard
// output:
//   {"event":"layer","id":"sha256:...","phase":"downloading","current":1048576,"total":31457280}
//   {"event":"status","image":"docker.io/library/redis:7","text":"Pulling"}
//   {"event":"image","image":"docker.io/library/redis:7","id":"sha256:...","digest":"sha256:..."}
//   {"event":"error","text":"...","hint":"..."}
// Amounts are at most ten a second and layer; a change of phase is never held back.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "image/digest.hpp"

namespace base {
class Error;
}

namespace fetch {

enum class Phase : std::uint8_t {
  Waiting,      // for a place among the parallel ones, or for another process that has it in work
  Downloading,  // current/total: bytes of the blob
  Loading,      // the same from a file
  Downloaded,
  Extracting,  // current/total: bytes of the blob unpacked
  Exists,      // is in the store already
  Done,
  Pushing,
  Pushed,
  Retrying,
};
const char* phase_name(Phase phase);

struct LayerProgress {
  image::Digest blob;
  Phase phase = Phase::Waiting;
  std::uint64_t current = 0, total = 0;
};

class Progress {
 public:
  explicit Progress(int fd) : fd_(fd) {}  // not owned

  void layer(const LayerProgress& progress);
  void status(const std::string& image, const std::string& text);
  void image_done(const std::string& image, const image::Digest& id, const std::string& digest);
  void error(const base::Error& error);
  void line(const std::string& json);

 private:
  struct Shown {
    Phase phase = Phase::Waiting;
    std::chrono::steady_clock::time_point at;
  };
  int fd_;
  std::map<image::Digest, Shown> shown_;
};

}  // namespace fetch
