// ImageFolder: an image's files in a folder: an OCI layout, or an archive unpacked (in the sandbox)
// into a scratch folder. Members are opened with the folder as their root; nothing outside it is
// reachable.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "fetch/image_commit.hpp"
#include "image/reference.hpp"

namespace fetch {

class ImageFolder {
 public:
  static ImageFolder open(const std::string& path);
  // A tar file, also compressed; what is unpacked goes with the store's scratch folder.
  static ImageFolder unpack(const std::string& path, StoreWriter& store);

  [[nodiscard]] bool has(const std::string& member) const;
  // Throws base::Error, also when it is larger than `limit` or no regular file.
  [[nodiscard]] std::string read(const std::string& member, std::size_t limit) const;
  [[nodiscard]] base::Fd open_member(const std::string& member) const;

 private:
  explicit ImageFolder(base::Fd folder, std::string shown)
      : folder_(std::move(folder)), shown_(std::move(shown)) {}
  base::Fd folder_;
  std::string shown_;
};

// What a folder holds of one image, ready to be committed; its blobs are in the store afterwards.
struct LoadedSource {
  ImageSource source;
  std::vector<std::string> names;  // those the archive itself gives, canonical
};
LoadedSource read_oci_layout(const ImageFolder& folder, const std::string& tag,
                             const image::Platform& wanted, StoreWriter& store, Progress& progress);
// `index`: which of several images.
LoadedSource read_docker_archive(const ImageFolder& folder, const std::string& tag,
                                 StoreWriter& store, Progress& progress);

}  // namespace fetch
