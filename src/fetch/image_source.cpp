// From the files of a layout or an archive to what ImageCommit takes. Both are somebody else's
// bytes.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/json.hpp"
#include "base/text.hpp"
#include "fetch/image_folder.hpp"
#include "fetch/json_reader.hpp"

namespace fetch {

namespace {

using nlohmann::json;

constexpr std::size_t kChunk = 1U << 20U;

std::string blob_member(const image::Digest& digest) {
  return base::cat("blobs/", digest.algorithm, "/", digest.hex);
}

std::uint64_t size_of(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) base::throw_errno("stat");
  return static_cast<std::uint64_t>(info.st_size);
}

template <class Take>
void each_chunk(int fd, std::uint64_t from, Take take) {
  std::string buffer(kChunk, '\0');
  while (true) {
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(from));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) base::throw_errno("read");
    if (got == 0) return;
    take(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
    from += static_cast<std::uint64_t>(got);
  }
}

void copy_blob(const ImageFolder& folder, const std::string& member, const image::Descriptor& blob,
               StoreWriter& store, Progress& progress) {
  StoreWriter::Opened opened = store.open_blob(blob);
  if (opened.exists) return;
  BlobWriter& writer = *opened.writer;
  try {
    const base::Fd fd = folder.open_member(member);
    each_chunk(fd.get(), writer.offset(), [&](std::string_view bytes) {
      writer.write(bytes);
      progress.layer({blob.digest, Phase::Loading, writer.offset(), blob.size});
    });
    writer.commit();
  } catch (const base::Error&) {
    writer.discard();
    throw;
  }
}

std::string read_verified(const ImageFolder& folder, const image::Descriptor& blob,
                          std::size_t limit) {
  std::string out = folder.read(blob_member(blob.digest), limit);
  Hasher hasher(blob.digest.algorithm);
  hasher.update(out);
  if (out.size() != blob.size || hasher.finish() != blob.digest) {
    throw VerifyError(
        base::cat("blob ", blob.digest.str(), " has other content than its name says"));
  }
  return out;
}

std::string annotation(const image::Descriptor& descriptor, const char* key) {
  const auto at = descriptor.annotations.find(key);
  return at == descriptor.annotations.end() ? std::string() : at->second;
}

// The names an entry of index.json gives: whole references only ("latest" alone names nothing).
std::vector<std::string> names_of(const image::Descriptor& descriptor) {
  std::vector<std::string> out;
  for (const char* key : {"io.containerd.image.name", "org.opencontainers.image.ref.name"}) {
    const std::string text = annotation(descriptor, key);
    if (text.find_first_of("/:") == std::string::npos) continue;
    try {
      out.push_back(image::parse_reference(text).name());
      return out;
    } catch (const base::Error&) {
      continue;  // free text is allowed there
    }
  }
  return out;
}

bool is_named(const image::Descriptor& descriptor, const std::string& tag) {
  return annotation(descriptor, "org.opencontainers.image.ref.name") == tag ||
         annotation(descriptor, "io.containerd.image.name") == tag;
}

Index entries_named(Index index, const std::string& tag) {
  if (tag.empty()) {
    std::set<std::string> names;
    for (const auto& each : index.manifests)
      names.insert(annotation(each, "org.opencontainers.image.ref.name"));
    if (names.size() > 1) {
      const std::vector<std::string> known(names.begin(), names.end());
      throw base::Error("the layout holds several images",
                        base::cat("add one of their names: ", base::join(known, ", ")));
    }
    return index;
  }
  Index out;
  for (const auto& each : index.manifests) {
    if (is_named(each, tag)) out.manifests.push_back(each);
  }
  if (out.manifests.empty()) throw base::Error(base::cat("the layout has no image named ", tag));
  return out;
}

}  // namespace

LoadedSource read_oci_layout(const ImageFolder& folder, const std::string& tag,
                             const image::Platform& wanted, StoreWriter& store,
                             Progress& progress) {
  auto document = parse_manifest(folder.read("index.json", kMaxManifest), "");
  auto* top = std::get_if<Index>(&document);
  if (top == nullptr) throw base::Error("index.json is not an index");
  LoadedSource out;
  const Index named = entries_named(std::move(*top), tag);
  image::Descriptor at =
      named.manifests.size() == 1 ? named.manifests.front() : choose_one(named, wanted);
  out.names = names_of(at);
  std::string bytes;
  Manifest manifest;
  for (unsigned depth = 0;; ++depth) {
    if (depth > kMaxIndexDepth) {
      throw base::Error(
          base::cat("indexes refer to indexes more than ", kMaxIndexDepth, " levels deep"));
    }
    bytes = read_verified(folder, at, kMaxManifest);
    auto parsed = parse_manifest(bytes, at.media_type);
    if (auto* found = std::get_if<Manifest>(&parsed)) {
      manifest = std::move(*found);
      break;
    }
    at = choose_one(std::get<Index>(parsed), wanted);
  }
  out.source.manifest = at;
  if (out.source.manifest.media_type.empty()) out.source.manifest.media_type = manifest.media_type;
  out.source.manifest_bytes = std::move(bytes);
  out.source.config_bytes = read_verified(folder, manifest.config, kMaxConfig);
  parse_config(out.source.config_bytes, manifest.layers.size());  // before anything large is copied
  for (const image::Descriptor& layer : manifest.layers) {
    copy_blob(folder, blob_member(layer.digest), layer, store, progress);
  }
  return out;
}

LoadedSource read_docker_archive(const ImageFolder& folder, const std::string& tag,
                                 StoreWriter& store, Progress& progress) {
  const std::string text = folder.read("manifest.json", kMaxManifest);
  const json all =
      parse_bounded(base::cat("{\"images\":", text, "}"), "manifest.json", kMaxManifest + 64);
  const json& images = all.at("images");
  if (!images.is_array() || images.empty()) throw base::Error("manifest.json lists no image");
  const auto tags_of = [](const json& image) {
    std::vector<std::string> out;
    if (const auto at = image.find("RepoTags"); at != image.end() && at->is_array()) {
      for (const json& each : *at) {
        if (each.is_string()) out.push_back(each.get<std::string>());
      }
    }
    return out;
  };
  const json* chosen = nullptr;
  const std::string wanted = tag.empty() ? "" : image::parse_reference(tag).name();
  for (const json& each : images) {
    if (!each.is_object()) throw base::Error("manifest.json: an entry is not an object");
    if (tag.empty()) chosen = chosen == nullptr ? &each : chosen;
    for (const std::string& name : tags_of(each)) {
      if (!tag.empty() && image::parse_reference(name).name() == wanted) chosen = &each;
    }
  }
  if (chosen == nullptr) throw base::Error(base::cat("the archive has no image named ", tag));
  if (tag.empty() && images.size() > 1) {
    throw base::Error(base::cat("the archive holds ", images.size(), " images"),
                      "add the name of one, as name:tag");
  }
  LoadedSource out;
  for (const std::string& name : tags_of(*chosen))
    out.names.push_back(image::parse_reference(name).name());
  out.source.config_bytes = folder.read(text_of(*chosen, "Config", 4096), kMaxConfig);
  const auto layers = chosen->find("Layers");
  if (layers == chosen->end() || !layers->is_array() || layers->size() > kMaxLayers) {
    throw base::Error("manifest.json: `Layers` is not a list, or too long");
  }
  const Config config = parse_config(out.source.config_bytes, layers->size());
  json manifest = {
      {"schemaVersion", 2}, {"mediaType", image::media::kOciManifest}, {"layers", json::array()}};
  const image::Digest id = sha256(out.source.config_bytes);
  manifest["config"] = {{"mediaType", image::media::kOciConfig},
                        {"digest", id.str()},
                        {"size", out.source.config_bytes.size()}};
  for (const json& each : *layers) {
    if (!each.is_string()) throw base::Error("manifest.json: a layer's name is not a text");
    const auto member = each.get<std::string>();
    const base::Fd fd = folder.open_member(member);
    Hasher hasher;
    bool gzip = false, first = true;
    each_chunk(fd.get(), 0, [&](std::string_view bytes) {
      if (first) gzip = base::starts_with(bytes, "\x1f\x8b");
      first = false;
      hasher.update(bytes);
    });
    image::Descriptor blob;
    blob.digest = hasher.finish();
    blob.size = size_of(fd.get());
    blob.media_type = gzip ? image::media::kOciLayerGzip : image::media::kOciLayer;
    copy_blob(folder, member, blob, store, progress);
    manifest["layers"].push_back(
        {{"mediaType", blob.media_type}, {"digest", blob.digest.str()}, {"size", blob.size}});
  }
  out.source.manifest_bytes = manifest.dump();
  out.source.manifest = {image::media::kOciManifest,
                         sha256(out.source.manifest_bytes),
                         out.source.manifest_bytes.size(),
                         {},
                         {}};
  return out;
}

}  // namespace fetch
