#include "image/reference.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"

namespace image {

std::string Reference::name() const {
  const std::string suffix = tag.empty() ? "" : ":" + tag;
  switch (transport) {
    case Transport::Registry:
      return repository_name() + (digest ? "@" + digest->str() : suffix);
    case Transport::Host:
      return "host";
    case Transport::Dir:
      return "dir:" + path;
    case Transport::Oci:
      return "oci:" + path + suffix;
    case Transport::OciArchive:
      return "oci-archive:" + path + suffix;
    case Transport::DockerArchive:
      return "docker-archive:" + path + suffix;
  }
  return {};
}

std::string Reference::familiar() const {
  std::string out = name();
  if (!is_registry()) return out;
  // Not where the short form would mean something else: docker.io/library/oci:1 is no layout, and
  // docker.io/a.b/c is not on the registry a.b.
  for (const char* prefix : {"docker.io/library/", "docker.io/"}) {
    if (!base::starts_with(out, prefix)) continue;
    std::string shorter = out.substr(std::string_view(prefix).size());
    try {
      const Reference again = parse_reference(shorter);
      if (again.is_registry() && again.repository_name() == repository_name()) return shorter;
    } catch (const base::Error&) {
      // Means nothing at all.
    }
  }
  return out;
}

Reference parse_reference(std::string_view text, const std::string& working_dir) {
  base::ImageName name;
  try {
    name = base::parse_image_name(text);
  } catch (const base::Error& error) {
    if (text.empty()) throw;
    std::string shown;
    for (const char c : text.substr(0, 300)) shown += c < 0x20 || c == 0x7f ? '?' : c;
    throw base::Error(base::cat("image \"", shown, "\": ", error.what()), error.hint());
  }
  Reference out;
  out.transport = name.transport;
  out.registry = std::move(name.registry);
  out.repository = std::move(name.repository);
  out.tag = std::move(name.tag);
  if (!name.digest.empty()) out.digest = parse_digest(name.digest);
  out.path = name.path.empty() || working_dir.empty() ? std::move(name.path)
                                                      : base::absolute_path(working_dir, name.path);
  return out;
}

}  // namespace image
