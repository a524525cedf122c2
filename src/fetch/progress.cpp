#include "fetch/progress.hpp"

#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace fetch {

namespace {

constexpr auto kInterval = std::chrono::milliseconds(100);

std::string safe_dump(const nlohmann::json& value) {
  // Texts may quote hostile bytes: what is not UTF-8 is replaced.
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

const char* phase_name(Phase phase) {
  switch (phase) {
    case Phase::Waiting:
      return "waiting";
    case Phase::Downloading:
      return "downloading";
    case Phase::Loading:
      return "loading";
    case Phase::Downloaded:
      return "downloaded";
    case Phase::Extracting:
      return "extracting";
    case Phase::Exists:
      return "exists";
    case Phase::Done:
      return "done";
    case Phase::Pushing:
      return "pushing";
    case Phase::Pushed:
      return "pushed";
    case Phase::Retrying:
      return "retrying";
  }
  return "";
}

void Progress::layer(const LayerProgress& progress) {
  const auto now = std::chrono::steady_clock::now();
  const auto [at, fresh] = shown_.try_emplace(progress.blob, Shown{progress.phase, now});
  if (!fresh && at->second.phase == progress.phase && now - at->second.at < kInterval) return;
  at->second = {progress.phase, now};
  line(safe_dump({{"event", "layer"},
                  {"id", progress.blob.str()},
                  {"phase", phase_name(progress.phase)},
                  {"current", progress.current},
                  {"total", progress.total}}));
}

void Progress::status(const std::string& image, const std::string& text) {
  line(safe_dump({{"event", "status"}, {"image", image}, {"text", text}}));
}

void Progress::image_done(const std::string& image, const image::Digest& id,
                          const std::string& digest) {
  line(safe_dump({{"event", "image"}, {"image", image}, {"id", id.str()}, {"digest", digest}}));
}

void Progress::error(const base::Error& error) {
  line(safe_dump({{"event", "error"}, {"text", error.what()}, {"hint", error.hint()}}));
}

void Progress::line(const std::string& json) {
  const std::string text = json + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t put = ::write(fd_, text.data() + done, text.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;  // nobody reads any more: the work goes on
    done += static_cast<std::size_t>(put);
  }
}

}  // namespace fetch
