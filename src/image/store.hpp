// Store: the reading side of the images on this machine: names, what they mean, where the layers of
// an image lie, who may remove what. Everything in it was written by stack-image after checking;
// hostile bytes are never parsed here. Layout: image/layout.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "image/config.hpp"
#include "image/layout.hpp"
#include "image/platform.hpp"

namespace image {

struct StoredLayer {
  Digest blob, diff_id, chain_id;
  std::string media_type;
  std::uint64_t blob_size = 0;
  std::uint64_t size = 0;  // bytes of its files
};

struct StoredImage {
  Digest id;        // of the configuration: docker's image id
  Digest manifest;  // as it came
  std::string manifest_type;
  std::uint64_t config_size = 0, manifest_size = 0;
  Platform platform;
  std::string created;
  std::vector<StoredLayer> layers;  // lowest first
  ImageConfig config;

  [[nodiscard]] std::uint64_t size() const;
};

struct StoredName {
  std::string name;  // Reference::name()
  Digest id;
  std::string digest;     // what the registry called it; "" when loaded
  std::string signature;  // of the archive or layout it was loaded from, at that time
  std::string platform;   // asked for; "" is this machine's
  std::int64_t at = 0;    // seconds since the epoch: pulled or loaded
};

class Store {
 public:
  explicit Store(base::Roots roots) : roots_(std::move(roots)), layout_(roots_) {}

  [[nodiscard]] const Layout& layout() const { return layout_; }

  [[nodiscard]] std::optional<StoredName> find_name(const std::string& name) const;
  [[nodiscard]] std::vector<StoredName> names() const;
  // A reference's images: this machine's platform first, then those pulled with --platform.
  [[nodiscard]] std::vector<StoredName> platforms_of(const std::string& name) const;
  [[nodiscard]] std::optional<StoredImage> find(const Digest& id) const;
  [[nodiscard]] std::vector<StoredImage> images() const;
  // A name, an id, or the first digits of one; throws base::Error (none, several).
  [[nodiscard]] StoredImage look_up(const std::string& wanted) const;

  // Layers that cannot be used as they are: missing, or from before a restart of the machine
  // without the mark that they had reached the disk. `stack-image verify` mends them.
  [[nodiscard]] std::vector<Digest> unusable_layers(const StoredImage& image) const;
  // Its folders for an overlay, topmost first.
  [[nodiscard]] std::vector<std::string> lower_dirs(const StoredImage& image) const;

  // Held while images are chosen and used: nothing is removed meanwhile.
  [[nodiscard]] base::Fd lease() const;

  void write_name(const StoredName& name) const;
  void write_record(const StoredImage& image) const;

  // ---- Removal; each waits until nobody holds a lease.

  struct Removed {
    std::vector<std::string> names;
    std::vector<Digest> images;
    std::uint64_t bytes = 0;
  };
  // Takes the name away (one of names(): of one platform); the image too when that was its last one
  // and `used` does not have it.
  Removed remove_name(const std::string& name, const std::set<Digest>& used) const;
  // The image with all its names; throws base::Error while `used` has it.
  Removed remove_image(const Digest& id, const std::set<Digest>& used) const;
  enum class Prune : std::uint8_t { Nameless, Unused };
  // Images that have no name (or, with Unused, that `used` does not have), then every blob, layer
  // and partial download that no image needs.
  Removed prune(Prune which, const std::set<Digest>& used) const;

  struct Usage {
    std::uint64_t layers = 0, blobs = 0, partials = 0;  // bytes
    std::size_t image_count = 0, layer_count = 0;
  };
  [[nodiscard]] Usage usage() const;

 private:
  std::uint64_t collect() const;

  base::Roots roots_;
  Layout layout_;
};

// The key of a reference in the store: another platform's image of the same name is another image.
std::string name_for(const std::string& name, const std::string& platform);

// Identity of an archive's or layout's present content: device, inode, size and times. "" when it
// is not there.
std::string archive_signature(const std::string& path, bool layout_folder);

}  // namespace image
