// Where what lies in the image store, DATA/images. Paths only:
//   blobs/sha256/HEX   manifests, configurations, layers as they came; 0600, 0400 once known to be
//   on disk partial/HEX        a blob on its way in, with HEX.lock beside it layers/HEX         an
//   unpacked layer by chain id: fs, meta.json, and `durable` once it is on disk records/HEX.json an
//   image, by the digest of its configuration (docker's image id) names/NAME         a reference
//   and the image it means tmp/SESSION        of one process; removed when nobody holds its lock
//   lease              locked shared by what uses images, exclusively by what removes them
#pragma once

#include <string>
#include <string_view>

#include "base/paths.hpp"
#include "image/digest.hpp"

namespace image {

struct Layout {
  explicit Layout(const base::Roots& roots) : top(roots.images()) {}

  std::string top;

  [[nodiscard]] std::string blobs() const { return top + "/blobs"; }
  [[nodiscard]] std::string blob(const Digest& digest) const {
    return blobs() + "/" + digest.algorithm + "/" + digest.hex;
  }
  [[nodiscard]] std::string partials() const { return top + "/partial"; }
  [[nodiscard]] std::string layers() const { return top + "/layers"; }
  [[nodiscard]] std::string layer(const Digest& chain) const { return layers() + "/" + chain.hex; }
  [[nodiscard]] std::string layer_tree(const Digest& chain) const { return layer(chain) + "/fs"; }
  [[nodiscard]] std::string layer_meta(const Digest& chain) const {
    return layer(chain) + "/meta.json";
  }
  // Below layers().
  [[nodiscard]] static std::string mark_in_layers(const Digest& chain) {
    return chain.hex + "/durable";
  }
  [[nodiscard]] std::string records() const { return top + "/records"; }
  [[nodiscard]] std::string record(const Digest& id) const {
    return records() + "/" + id.hex + ".json";
  }
  [[nodiscard]] std::string names() const { return top + "/names"; }
  // One file a name: its characters escaped; a long one is cut and ends with a hash.
  [[nodiscard]] std::string name(std::string_view reference) const;
  [[nodiscard]] std::string scratch() const { return top + "/tmp"; }
  [[nodiscard]] std::string lease() const { return top + "/lease"; }
};

}  // namespace image
