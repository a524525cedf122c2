#include <sys/stat.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "image/host_skeleton.hpp"
#include "image/reference.hpp"
#include "image/rootfs.hpp"
#include "image/store.hpp"

namespace image {

namespace {

Rootfs resolve_dir(const std::string& reference, const std::string& working_dir,
                   const base::Roots& roots) {
  const std::string written = reference.substr(4);
  const std::string path = base::absolute_path(working_dir, written);
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    throw base::SysError(errno, base::cat("image ", reference, ": open"), path,
                         "the folder must hold a root file system (bin, etc, usr, ...)");
  }
  if (!S_ISDIR(info.st_mode)) {
    throw base::Error(base::cat("image ", reference, ": ", path, " is not a folder"),
                      "unpack it, and name the folder that holds bin, etc, usr, ...");
  }
  if (path == "/" || base::starts_with(roots.data + "/", path + "/")) {
    throw base::Error(
        base::cat("image ", reference, ": ", path,
                  " cannot be a root file system: the stack's own data lies inside it"),
        "for the machine's own programs use `image: host`");
  }
  if (base::list_dir(path).empty()) {
    throw base::Error(base::cat("image ", reference, ": ", path, " is empty"),
                      "the folder must hold a root file system (bin, etc, usr, ...)");
  }
  Rootfs out;
  // Content is the user's to change; what identifies the image is which folder it is.
  out.id =
      base::cat("dir-", base::short_hash(base::cat(path, "|", info.st_dev, "|", info.st_ino), 12));
  out.lower = {path};
  out.config.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  return out;
}

// Images of the store have ids of this form; `host` and `dir:` have others.
bool is_stored(const std::string& id) {
  return base::starts_with(id, "sha256:");
}

Rootfs rootfs_of(const Store& store, const StoredImage& image) {
  Rootfs out;
  out.id = image.id.str();
  out.lower = store.lower_dirs(image);
  out.config = image.config;
  return out;
}

struct Found {
  Presence presence;
  std::optional<StoredImage> image;
};

Found find_stored(const Reference& reference, const Store& store, const ResolveOptions& options) {
  Found out;
  const bool archive = reference.is_archive();
  out.presence.name = name_for(reference.name(), options.platform);
  out.presence.need = archive ? Need::Load : Need::Pull;
  const auto name = store.find_name(out.presence.name);
  if (!name) return out;
  // The file is what counts, as long as it is there.
  if (archive) {
    const std::string now =
        archive_signature(reference.path, reference.transport == Transport::Oci);
    if (!now.empty() && now != name->signature) return out;
  }
  out.image = store.find(name->id);
  if (!out.image) return out;
  out.presence.id = name->id.str();
  out.presence.at = name->at;
  out.presence.need = store.unusable_layers(*out.image).empty() ? Need::Nothing : Need::Unpack;
  return out;
}

[[noreturn]] void not_here(const std::string& reference, Need need) {
  switch (need) {
    case Need::Pull:
      throw MissingImage(base::cat("image ", reference, " is not here"),
                         base::cat("stack image pull ", reference, " (up does it by itself)"));
    case Need::Load:
      throw MissingImage(base::cat("image ", reference, " is not loaded, or changed since"),
                         base::cat("stack image load ", reference, " (up does it by itself)"));
    case Need::Nothing:
    case Need::Unpack:
      break;
  }
  throw MissingImage(base::cat("image ", reference, " may have suffered when the machine stopped"),
                     "up, or stack image verify --mend, unpacks it again");
}

}  // namespace

Presence look_for(const std::string& reference, const std::string& working_dir,
                  const base::Roots& roots, const ResolveOptions& options) {
  const Reference parsed = parse_reference(reference, working_dir);
  if (!parsed.is_registry() && !parsed.is_archive()) return {};
  return find_stored(parsed, Store(roots), options).presence;
}

Rootfs resolve(const std::string& reference, const std::string& working_dir,
               const base::Roots& roots, const ResolveOptions& options) {
  if (is_stored(options.id)) {
    const Store store(roots);
    const auto image = store.find(parse_digest(options.id));
    if (!image) {
      throw MissingImage(
          base::cat("image ", reference, " (", options.id.substr(7, 12), ") has been removed"),
          "stack up fetches it again");
    }
    if (!store.unusable_layers(*image).empty()) not_here(reference, Need::Unpack);
    return rootfs_of(store, *image);
  }
  const Reference parsed = parse_reference(reference, working_dir);
  if (parsed.transport == Transport::Host) return resolve_host(roots);
  if (parsed.transport == Transport::Dir) return resolve_dir(reference, working_dir, roots);
  const Store store(roots);
  const Found found = find_stored(parsed, store, options);
  if (found.presence.need != Need::Nothing) not_here(reference, found.presence.need);
  return rootfs_of(store, *found.image);
}

}  // namespace image
