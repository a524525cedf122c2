// load: images from files of this machine into the store.
#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "fetch/background.hpp"
#include "fetch/image_folder.hpp"
#include "fetch/run.hpp"
#include "image/store.hpp"

namespace fetch {

namespace {

// A bare path is taken for what it holds.
image::Reference reference_of(const std::string& name, const Options& options) {
  image::Reference out;
  bool bare = false;
  try {
    out = image::parse_reference(name, options.working_dir);
    bare = !out.is_archive();
  } catch (const base::Error&) {
    bare = true;
  }
  if (!bare) return out;
  out = {};
  out.path = base::absolute_path(options.working_dir, name);
  out.transport =
      base::is_directory(out.path) ? image::Transport::Oci : image::Transport::OciArchive;
  if (!base::exists(out.path)) throw base::SysError(ENOENT, "open", out.path);
  return out;
}

void load_one(const std::string& name, const Options& options, StoreWriter& store) {
  const bool bare = !base::starts_with(name, "oci:") && !base::starts_with(name, "oci-archive:") &&
                    !base::starts_with(name, "docker-archive:");
  const image::Reference reference = reference_of(name, options);
  const image::Platform wanted =
      options.platform.empty() ? image::host_platform() : image::parse_platform(options.platform);
  const bool folder = reference.transport == image::Transport::Oci;
  // Before it is read: what changes meanwhile is loaded again next time.
  const std::string signature = image::archive_signature(reference.path, folder);
  options.progress->status(reference.name(), "Loading");
  const ImageFolder files =
      folder ? ImageFolder::open(reference.path) : ImageFolder::unpack(reference.path, store);
  const bool docker = reference.transport == image::Transport::DockerArchive ||
                      (bare && files.has("manifest.json"));
  if (!docker && !files.has("index.json")) {
    throw base::Error(base::cat(reference.path, " holds no image"),
                      "neither index.json nor manifest.json is there");
  }
  LoadedSource loaded =
      docker ? read_docker_archive(files, reference.tag, store, *options.progress)
             : read_oci_layout(files, reference.tag, wanted, store, *options.progress);
  loaded.source.platform = options.platform;
  std::vector<std::string> names;
  if (const auto given = options.others.find("name"); given != options.others.end()) {
    names.push_back(image::parse_reference(given->second).name());
  } else if (bare) {
    names = loaded.names;
  } else {
    names.push_back(reference.name());
    loaded.source.signature = signature;
  }
  const std::string digest = loaded.source.manifest.digest.str();
  const image::Digest id = commit_image(store, *options.progress, std::move(loaded.source), names);
  options.progress->image_done(names.empty() ? "" : names.front(), id, digest);
}

}  // namespace

int load(const Options& options) {
  if (options.names.empty()) throw base::Error("load: nothing to load");
  for (const std::string& name : options.names) {
    StoreWriter store(options.roots);  // each with a scratch folder of its own
    try {
      load_one(name, options, store);
    } catch (const base::Error& error) {
      throw base::Error(base::cat("load ", name, ": ", error.what()), error.hint());
    }
  }
  make_durable_in_background(options.roots);
  return 0;
}

}  // namespace fetch
