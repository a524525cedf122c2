#include <sys/stat.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "image/host_skeleton.hpp"
#include "image/rootfs.hpp"

namespace image {

namespace {

constexpr const char* kHint = "use `host` (this machine's own programs) or `dir:ROOTFS` (a folder)";

Rootfs resolve_dir(const std::string& reference, const std::string& working_dir,
                   const base::Roots& roots) {
  const std::string written = reference.substr(4);
  if (written.empty()) {
    throw base::Error(base::cat("image \"", reference, "\": a folder must follow"), "dir:./rootfs");
  }
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

}  // namespace

Rootfs resolve(const std::string& reference, const std::string& working_dir,
               const base::Roots& roots) {
  if (reference == "host") return resolve_host(roots);
  if (base::starts_with(reference, "dir:")) return resolve_dir(reference, working_dir, roots);
  for (const char* transport : {"oci:", "oci-archive:", "docker-archive:"}) {
    if (base::starts_with(reference, transport)) {
      throw base::Error(
          base::cat("image ", reference, ": archives and layouts are not supported yet"), kHint);
    }
  }
  if (reference.empty()) throw base::Error("no image given", kHint);
  throw base::Error(
      base::cat("image ", reference, " is not here: registries are not supported yet"), kHint);
}

}  // namespace image
