// Descriptor: media type, digest and size of a blob, as manifests and indexes refer to it (OCI
// image specification, descriptor.md). A value; parsing lies in fetch/manifest.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "image/digest.hpp"
#include "image/platform.hpp"

namespace image {

struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  std::optional<Platform> platform;
  std::map<std::string, std::string> annotations;

  [[nodiscard]] bool operator==(const Descriptor& other) const {
    return digest == other.digest && size == other.size;
  }
};

namespace media {
constexpr const char* kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr const char* kOciManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kOciConfig = "application/vnd.oci.image.config.v1+json";
constexpr const char* kOciLayer = "application/vnd.oci.image.layer.v1.tar";
constexpr const char* kOciLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr const char* kOciLayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd";
constexpr const char* kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr const char* kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr const char* kDockerConfig = "application/vnd.docker.container.image.v1+json";
constexpr const char* kDockerLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
}  // namespace media

}  // namespace image
