// ImageCommit: the last stretch of load and pull. Unpacks layers whose blobs have arrived, in
// sandboxed children beside the download, checks their diff ids, and at the end writes the image's
// record and its names. Until then nothing of the image is visible.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fetch/manifest.hpp"
#include "fetch/progress.hpp"
#include "fetch/store_writer.hpp"

namespace fetch {

struct ImageSource {
  image::Descriptor manifest;  // of the one manifest chosen
  std::string manifest_bytes, config_bytes;
  // What a registry's index or tag pointed at, for names by digest; the manifest's own otherwise.
  std::vector<image::Digest> digests;
  // The index under the first of them, if it is one: kept, so that it can be pushed.
  image::Descriptor index;
  std::string index_bytes;
  std::string platform;   // as it was asked for ("": this machine's); part of the stored name
  std::string signature;  // image::archive_signature of where it came from, for archives
};

class ImageCommit {
 public:
  // Parses both documents (throws as parse_manifest and parse_config do) and puts their blobs into
  // the store.
  ImageCommit(StoreWriter& store, Progress& progress, ImageSource source);
  ~ImageCommit();
  ImageCommit(const ImageCommit&) = delete;
  ImageCommit& operator=(const ImageCommit&) = delete;

  [[nodiscard]] const Manifest& manifest() const;
  [[nodiscard]] const Config& config() const;
  // False: layer `index` is unpacked in the store already, its blob need not even be fetched.
  [[nodiscard]] bool needs_blob(std::size_t index) const;

  // The blob of layer `index` is in the store: unpack it when there is a free place. Returns at
  // once.
  void layer_ready(std::size_t index);
  // Readable when advance() has something to do; for the caller's own event loop.
  [[nodiscard]] int poll_fd() const;
  // Reaps what ended, starts what waits. Throws when a layer was refused (VerifyError: wrong diff
  // id).
  void advance();
  // Waits for all layers, then makes the image appear under `names` (canonical, Reference::name()).
  // Every layer must have been ready. Returns the image's id (the configuration's digest).
  image::Digest finish(const std::vector<std::string>& names);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// For callers with every blob in place: layer_ready for each, then finish.
image::Digest commit_image(StoreWriter& store, Progress& progress, ImageSource source,
                           const std::vector<std::string>& names);

}  // namespace fetch
