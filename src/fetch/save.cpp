// save: an image of the store into one file: an OCI layout with docker's manifest.json beside it,
// which both kinds of tools load (or, on request, docker's form alone). Blobs go out as they came
// in.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "fetch/run.hpp"
#include "fetch/store_writer.hpp"
#include "image/reference.hpp"
#include "image/store.hpp"

namespace fetch {

namespace {

using nlohmann::json;

struct FreeWriter {
  void operator()(struct archive* archive) const noexcept { ::archive_write_free(archive); }
};
struct FreeEntry {
  void operator()(struct archive_entry* entry) const noexcept { ::archive_entry_free(entry); }
};

class TarFile {
 public:
  explicit TarFile(int fd) : out_(::archive_write_new()) {
    if (!out_) throw base::Error("no memory to write the archive");
    ::archive_write_set_format_pax_restricted(out_.get());
    check(::archive_write_open_fd(out_.get(), fd));
  }

  // False when a member of that name is there already.
  bool begin(const std::string& name, std::uint64_t size) {
    if (!names_.insert(name).second) return false;
    const std::unique_ptr<struct archive_entry, FreeEntry> entry(::archive_entry_new());
    ::archive_entry_set_pathname(entry.get(), name.c_str());
    ::archive_entry_set_filetype(entry.get(), AE_IFREG);
    ::archive_entry_set_perm(entry.get(), 0644);
    ::archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
    ::archive_entry_set_mtime(entry.get(), 0, 0);  // the same image gives the same file
    check(::archive_write_header(out_.get(), entry.get()));
    return true;
  }
  void write(std::string_view bytes) {
    const la_ssize_t put = ::archive_write_data(out_.get(), bytes.data(), bytes.size());
    if (put != static_cast<la_ssize_t>(bytes.size())) check(ARCHIVE_FATAL);
  }
  void add(const std::string& name, std::string_view bytes) {
    if (begin(name, bytes.size())) write(bytes);
  }
  void close() { check(::archive_write_close(out_.get())); }

 private:
  void check(int result) {
    if (result >= ARCHIVE_WARN) return;
    const int number = ::archive_errno(out_.get());
    throw base::SysError(number > 0 ? number : EIO, "write", "the archive");
  }
  std::unique_ptr<struct archive, FreeWriter> out_;
  std::set<std::string> names_;
};

class Saver {
 public:
  Saver(const Options& options, StoreWriter& store, TarFile& tar)
      : options_(options), store_(store), tar_(tar), docker_only_(format() == "docker-archive") {}

  void add(const std::string& wanted) {
    const image::Store reader(options_.roots);
    const image::StoredImage image = reader.look_up(wanted);
    std::vector<std::string> tags;
    for (const image::StoredName& name : reader.names()) {
      if (name.id != image.id || name.name.find_first_of("@#") != std::string::npos) continue;
      const image::Reference reference = image::parse_reference(name.name);
      if (reference.is_registry()) tags.push_back(reference.name());
    }
    add_blob({image.manifest_type, image.manifest, image.manifest_size, {}, {}}, !docker_only_);
    add_blob({"", image.id, image.config_size, {}, {}}, true);
    json layers = json::array();
    for (const image::StoredLayer& layer : image.layers) {
      add_blob({layer.media_type, layer.blob, layer.blob_size, {}, {}}, true);
      layers.push_back(member(layer.blob, ".tar"));
    }
    docker_.push_back(
        {{"Config", member(image.id, ".json")}, {"RepoTags", tags}, {"Layers", layers}});
    json entry = {
        {"mediaType", image.manifest_type},
        {"digest", image.manifest.str()},
        {"size", image.manifest_size},
        {"platform", {{"architecture", image.platform.architecture}, {"os", image.platform.os}}}};
    if (tags.empty()) index_.push_back(entry);
    for (const std::string& tag : tags) {
      entry["annotations"] = {{"io.containerd.image.name", tag},
                              {"org.opencontainers.image.ref.name", tag}};
      index_.push_back(entry);
    }
  }

  void finish() {
    if (!docker_only_) {
      tar_.add("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
      tar_.add(
          "index.json",
          json{{"schemaVersion", 2}, {"mediaType", image::media::kOciIndex}, {"manifests", index_}}
              .dump());
    }
    tar_.add("manifest.json", docker_.dump());
    tar_.close();
  }

 private:
  std::string format() const {
    const auto at = options_.others.find("format");
    const std::string out = at == options_.others.end() ? "oci-archive" : at->second;
    if (out != "oci-archive" && out != "docker-archive") {
      throw base::Error(base::cat("unknown format ", out), "oci-archive or docker-archive");
    }
    return out;
  }
  [[nodiscard]] std::string member(const image::Digest& digest, const char* suffix) const {
    return docker_only_ ? digest.hex + suffix
                        : base::cat("blobs/", digest.algorithm, "/", digest.hex);
  }

  void add_blob(const image::Descriptor& blob, bool wanted) {
    if (!wanted) return;
    const std::string& type = blob.media_type;
    const std::string name = member(blob.digest, type.empty() ? ".json" : ".tar");
    if (!tar_.begin(name, blob.size)) return;
    const base::Fd fd = store_.open_for_reading(blob.digest);
    if (!fd)
      throw base::Error(base::cat("blob ", blob.digest.str(), " is not in the store"),
                        "load or pull the image again");
    Hasher hasher(blob.digest.algorithm);
    std::string buffer(1U << 20U, '\0');
    std::uint64_t at = 0;
    while (at < blob.size) {
      const ssize_t got = ::pread(fd.get(), buffer.data(), buffer.size(), static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      const std::string_view bytes =
          std::string_view(buffer).substr(0, static_cast<std::size_t>(got));
      hasher.update(bytes);
      tar_.write(bytes);
      at += bytes.size();
      options_.progress->layer({blob.digest, Phase::Pushing, at, blob.size});
    }
    if (at != blob.size || hasher.finish() != blob.digest) {
      throw VerifyError(base::cat("blob ", blob.digest.str(), " in the store is damaged"),
                        "stack image verify");
    }
  }

  const Options& options_;
  StoreWriter& store_;
  TarFile& tar_;
  bool docker_only_;
  json index_ = json::array(), docker_ = json::array();
};

}  // namespace

int save(const Options& options) {
  if (options.names.empty()) throw base::Error("save: no image given");
  if (options.output.empty()) throw base::Error("save: no file given", "-o FILE");
  StoreWriter store(options.roots);
  const std::string path = base::absolute_path(options.working_dir, options.output);
  struct stat info {};
  const bool special = options.others.count("direct") != 0 ||
                       (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode));
  // A file appears whole or not at all; a pipe or device takes what comes.
  const std::string written = special ? path : base::cat(path, ".tmp.", ::getpid());
  try {
    const base::Fd fd =
        base::sys::open(written, special ? O_WRONLY : O_WRONLY | O_CREAT | O_TRUNC, 0644);
    TarFile tar(fd.get());
    Saver saver(options, store, tar);
    for (const std::string& name : options.names) saver.add(name);
    saver.finish();
    if (!special && ::rename(written.c_str(), path.c_str()) != 0) base::throw_errno("rename", path);
  } catch (...) {
    if (!special) ::unlink(written.c_str());
    throw;
  }
  return 0;
}

}  // namespace fetch
