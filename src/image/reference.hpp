// Reference: what `image:` names. A registry's repository with tag or digest, with docker's
// defaults (`redis` is docker.io/library/redis:latest), or a transport and a path: oci:DIR[:TAG],
// oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG], dir:ROOTFS, or `host`. Pure text; looks
// nothing up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "image/digest.hpp"

namespace image {

enum class Transport : std::uint8_t { Registry, Host, Dir, Oci, OciArchive, DockerArchive };

struct Reference {
  Transport transport = Transport::Registry;
  // Registry: "docker.io", "localhost:5000", "[::1]:5000"; "library/redis".
  std::string registry, repository;
  // Registry: "" only when a digest is given. oci:, oci-archive: the name inside the layout.
  // docker-archive: a whole "name:tag". "" means the only one there.
  std::string tag;
  std::optional<Digest> digest;
  std::string path;  // the other transports: absolute when parsed with a working_dir

  // The one spelling under which the store keeps it: "docker.io/library/redis:7",
  // "docker.io/library/redis@sha256:...", "oci:/srv/layout:7". With tag and digest the digest
  // counts.
  [[nodiscard]] std::string name() const;
  // As people write it: "redis:7".
  [[nodiscard]] std::string familiar() const;
  // Registry only: "docker.io/library/redis".
  [[nodiscard]] std::string repository_name() const { return registry + "/" + repository; }
  [[nodiscard]] bool is_registry() const { return transport == Transport::Registry; }
  // Loaded into the store from a file or folder on this machine.
  [[nodiscard]] bool is_archive() const {
    return transport == Transport::Oci || transport == Transport::OciArchive ||
           transport == Transport::DockerArchive;
  }
};

// Throws base::Error that says which part is wrong. Relative paths are below `working_dir` when
// that is given.
Reference parse_reference(std::string_view text, const std::string& working_dir = {});

}  // namespace image
