// Removal from the image store. A lease is waited for, so that nobody's image goes while it is
// being chosen; what is removed is first renamed away, so that a kill in between leaves nothing
// half.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "image/store.hpp"
#include "image/store_codec.hpp"

namespace image {

namespace {

base::Fd exclusive(const Layout& layout) {
  base::sys::make_dirs(layout.top, 0700);
  return *base::lock_file(layout.lease());
}

std::uint64_t file_size(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_blocks) * 512 : 0;
}

std::uint64_t layer_size(const std::string& dir) {
  const auto text = base::try_read_file(dir + "/meta.json", 64U << 10U);
  const auto meta = text ? parse_layer_meta(*text) : std::nullopt;
  return meta ? meta->size : 0;
}

}  // namespace

// Called with the lease held exclusively: nobody is between writing a blob and its record.
std::uint64_t Store::collect() const {
  std::set<std::string> blobs, layers;
  for (const StoredImage& image : images()) {
    blobs.insert(image.id.hex);
    blobs.insert(image.manifest.hex);
    for (const StoredLayer& layer : image.layers) {
      blobs.insert(layer.blob.hex);
      layers.insert(layer.chain_id.hex);
    }
  }
  // The index that a name was pulled by goes out again with it.
  for (const StoredName& name : names()) {
    if (const auto digest = try_parse_digest(name.digest)) blobs.insert(digest->hex);
  }
  std::uint64_t freed = 0;
  for (const char* algorithm : {"/sha256", "/sha512"}) {
    const std::string dir = layout_.blobs() + algorithm;
    for (const std::string& name : base::list_dir(dir)) {
      if (blobs.count(name) != 0) continue;
      const std::string path = base::cat(dir, "/", name);
      freed += file_size(path);
      base::remove_file(path);
    }
  }
  const std::string grave = base::cat(layout_.scratch(), "/removed-", ::getpid());
  base::sys::make_dirs(grave, 0700);
  for (const std::string& name : base::list_dir(layout_.layers())) {
    if (layers.count(name) != 0) continue;
    const std::string dir = base::cat(layout_.layers(), "/", name);
    freed += layer_size(dir);
    // Half a tree under the layer's name would be taken for the layer.
    if (::rename(dir.c_str(), base::cat(grave, "/", name).c_str()) != 0 && errno != ENOENT) {
      base::throw_errno("rename", dir);
    }
  }
  base::remove_tree(grave);
  for (const std::string& name : base::list_dir(layout_.partials())) {
    const std::string path = base::cat(layout_.partials(), "/", name);
    freed += file_size(path);
    base::remove_file(path);
  }
  return freed;
}

Store::Removed Store::remove_name(const std::string& name, const std::set<Digest>& used) const {
  const base::Fd lock = exclusive(layout_);
  const auto found = find_name(name);
  if (!found) throw base::Error(base::cat("no such image: ", name));
  Removed out;
  base::remove_file(layout_.name(name));
  out.names.push_back(name);
  const auto left = names();
  const bool named = std::any_of(left.begin(), left.end(),
                                 [&](const StoredName& each) { return each.id == found->id; });
  if (named || used.count(found->id) != 0) return out;
  base::remove_file(layout_.record(found->id));
  out.images.push_back(found->id);
  out.bytes = collect();
  return out;
}

Store::Removed Store::remove_image(const Digest& id, const std::set<Digest>& used) const {
  const base::Fd lock = exclusive(layout_);
  if (used.count(id) != 0) {
    throw base::Error(base::cat("image ", id.brief(), " is in use by a container"),
                      "take its stack down first");
  }
  Removed out;
  for (const StoredName& name : names()) {
    if (name.id != id) continue;
    base::remove_file(layout_.name(name.name));
    out.names.push_back(name.name);
  }
  base::remove_file(layout_.record(id));
  out.images.push_back(id);
  out.bytes = collect();
  return out;
}

Store::Removed Store::prune(Prune which, const std::set<Digest>& used) const {
  const base::Fd lock = exclusive(layout_);
  Removed out;
  std::set<Digest> named;
  const auto known = names();
  for (const StoredName& name : known) named.insert(name.id);
  for (const StoredImage& image : images()) {
    if (used.count(image.id) != 0) continue;
    if (which == Prune::Nameless && named.count(image.id) != 0) continue;
    for (const StoredName& name : known) {
      if (name.id != image.id) continue;
      base::remove_file(layout_.name(name.name));
      out.names.push_back(name.name);
    }
    base::remove_file(layout_.record(image.id));
    out.images.push_back(image.id);
  }
  out.bytes = collect();
  return out;
}

Store::Usage Store::usage() const {
  Usage out;
  out.image_count = images().size();
  for (const char* algorithm : {"/sha256", "/sha512"}) {
    const std::string dir = layout_.blobs() + algorithm;
    for (const std::string& name : base::list_dir(dir)) {
      out.blobs += file_size(base::cat(dir, "/", name));
    }
  }
  for (const std::string& name : base::list_dir(layout_.layers())) {
    out.layers += layer_size(base::cat(layout_.layers(), "/", name));
    ++out.layer_count;
  }
  for (const std::string& name : base::list_dir(layout_.partials())) {
    out.partials += file_size(base::cat(layout_.partials(), "/", name));
  }
  return out;
}

}  // namespace image
