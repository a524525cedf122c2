// The grammar of what `image:` names: a registry's repository with tag or digest, with docker's
// defaults (`redis` is docker.io/library/redis:latest), or a transport and a path: oci:DIR[:TAG],
// oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG], dir:ROOTFS, or `host`. And of digests.
// Source: the distribution specification's reference implementation, containers-transports(5).
// Pure text; looks nothing up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace base {

enum class ImageTransport : std::uint8_t { Registry, Host, Dir, Oci, OciArchive, DockerArchive };

struct ImageName {
  ImageTransport transport = ImageTransport::Registry;
  // Registry: "docker.io", "localhost:5000", "[::1]:5000"; "library/redis".
  std::string registry, repository;
  // Registry: "" only when a digest is given. oci:, oci-archive: the name inside the layout.
  // docker-archive: a whole "name:tag". "" means the only one there.
  std::string tag;
  std::string digest;  // "sha256:..." or ""
  std::string path;    // the other transports, as written
};

// Throws base::Error whose text says which part is wrong, without naming the whole.
ImageName parse_image_name(std::string_view text);

// "sha256:" and 64 digits, "sha512:" and 128: lower case, so that it can be a part of a path.
bool is_digest(std::string_view text);
// Throws base::Error that says what is wrong ("sha256:../../x": not a digest; "md5:...": unknown
// algorithm).
void check_digest(std::string_view text);

}  // namespace base
