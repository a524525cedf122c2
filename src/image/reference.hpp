// Reference: what `image:` names, its digest parsed and its path absolute (the grammar lies in
// base/image_name.hpp), and the names under which the store keeps it and people write it. Looks
// nothing up.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/image_name.hpp"
#include "image/digest.hpp"

namespace image {

using Transport = base::ImageTransport;

struct Reference {
  Transport transport = Transport::Registry;
  std::string registry, repository, tag;  // as in base::ImageName
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
