// Any bytes as a manifest, an index, an image's configuration: refused with a message, or read into
// values that keep their bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "fetch/manifest.hpp"

namespace {

void check(bool good) {
  if (!good) std::abort();
}

void check_digest(const image::Digest& digest) {
  check(image::try_parse_digest(digest.str()) == digest);
}

void read_manifest(const std::string& text, const std::string& type) {
  const auto parsed = fetch::parse_manifest(text, type);
  if (const auto* manifest = std::get_if<fetch::Manifest>(&parsed)) {
    check(manifest->layers.size() <= fetch::kMaxLayers);
    check(manifest->config.size <= fetch::kMaxConfig);
    check_digest(manifest->config.digest);
    for (const auto& layer : manifest->layers) check_digest(layer.digest);
    return;
  }
  const auto& index = std::get<fetch::Index>(parsed);
  check(index.manifests.size() <= fetch::kMaxIndexEntries);
  for (const auto& each : fetch::choose(index, {"linux", "amd64", ""})) check_digest(each.digest);
  (void)fetch::choose_one(index, {"linux", "arm", "v7"});
}

template <class Read>
void read(Read what) {
  try {
    what();
  } catch (const base::Error& error) {
    check(error.what()[0] != '\0');
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  read([&] { read_manifest(text, ""); });
  read([&] { read_manifest(text, image::media::kDockerList); });
  read([&] { read_manifest(text, image::media::kOciManifest); });
  for (const std::size_t layers : {0U, 1U, 2U}) {
    read([&] { check(fetch::parse_config(text, layers).diff_ids.size() == layers); });
  }
  return 0;
}
