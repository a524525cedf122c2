#include "fetch/manifest.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/json.hpp"
#include "fetch/json_reader.hpp"

namespace fetch {

namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxLayerBytes = 1ULL << 40U;

image::Platform platform_from(const json& in) {
  image::Platform out;
  out.os = text_of(in, "os", 64);
  out.architecture = text_of(in, "architecture", 64);
  out.variant = text_of(in, "variant", 64);
  return out;
}

image::Descriptor descriptor_from(const json& in, const char* what) {
  if (!in.is_object()) throw base::Error(base::cat(what, " is not an object"));
  image::Descriptor out;
  out.media_type = text_of(in, "mediaType", 256);
  out.digest = image::parse_digest(text_of(in, "digest", 256));
  const auto size = in.find("size");
  if (size == in.end() || !size->is_number_integer() ||
      (!size->is_number_unsigned() && size->get<std::int64_t>() < 0)) {
    throw base::Error(base::cat(what, " ", out.digest.str(), " has no valid size"));
  }
  out.size = size->get<std::uint64_t>();
  if (out.size > kMaxLayerBytes) {
    throw base::Error(
        base::cat(what, " ", out.digest.str(), ": a size of ", out.size, " bytes is refused"));
  }
  if (const auto urls = in.find("urls"); urls != in.end() && urls->is_array() && !urls->empty()) {
    throw base::Error(
        base::cat(what, " ", out.digest.str(), " is kept elsewhere (urls): not supported"));
  }
  if (const auto at = in.find("platform"); at != in.end() && at->is_object()) {
    out.platform = platform_from(*at);
  }
  if (const auto at = in.find("annotations"); at != in.end() && at->is_object()) {
    for (const auto& [key, value] : at->items()) {
      if (value.is_string()) out.annotations.emplace(key, value.get<std::string>());
    }
  }
  return out;
}

const json& array_of(const json& in, const char* key, std::size_t most, const char* where) {
  const auto at = in.find(key);
  if (at == in.end() || !at->is_array()) {
    throw base::Error(base::cat(where, ": `", key, "` is not a list"));
  }
  if (at->size() > most) {
    throw base::Error(base::cat(where, ": ", at->size(), " entries in `", key, "`, more than ",
                                most, " are refused"));
  }
  return *at;
}

bool is_index_type(std::string_view type) {
  return type == image::media::kOciIndex || type == image::media::kDockerList;
}
bool is_manifest_type(std::string_view type) {
  return type == image::media::kOciManifest || type == image::media::kDockerManifest;
}

Manifest manifest_from(const json& in, const std::string& type) {
  Manifest out;
  out.media_type = type.empty() ? image::media::kOciManifest : type;
  const auto config = in.find("config");
  if (config == in.end()) throw base::Error("manifest: `config` is missing");
  out.config = descriptor_from(*config, "the configuration");
  if (out.config.size > kMaxConfig) {
    throw base::Error(base::cat("manifest: a configuration of ", out.config.size,
                                " bytes, more than ", kMaxConfig, " are refused"));
  }
  if (!out.config.media_type.empty() && out.config.media_type != image::media::kOciConfig &&
      out.config.media_type != image::media::kDockerConfig) {
    throw base::Error(
        base::cat("this is no container image: its configuration is ", out.config.media_type));
  }
  for (const json& each : array_of(in, "layers", kMaxLayers, "manifest")) {
    out.layers.push_back(descriptor_from(each, "layer"));
    const std::string& kind = out.layers.back().media_type;
    if (kind.find("foreign") != std::string::npos ||
        kind.find("nondistributable") != std::string::npos ||
        kind.find("encrypted") != std::string::npos) {
      throw base::Error(
          base::cat("layer ", out.layers.back().digest.str(), ": ", kind, " is not supported"));
    }
  }
  return out;
}

}  // namespace

std::variant<Manifest, Index> parse_manifest(std::string_view bytes,
                                             const std::string& media_type) {
  const json in = parse_bounded(bytes, "manifest", kMaxManifest);
  if (const auto version = in.find("schemaVersion");
      version != in.end() && (!version->is_number_integer() || version->get<std::int64_t>() != 2)) {
    throw base::Error("manifest: only schemaVersion 2 is supported",
                      "push the image again with a newer tool");
  }
  const bool layers = in.contains("layers") || in.contains("config"),
             manifests = in.contains("manifests");
  if (layers && manifests) {
    throw base::Error("manifest: it has both `layers` and `manifests`: which it is cannot be told");
  }
  if (!layers && !manifests) throw base::Error("manifest: it has neither `layers` nor `manifests`");
  const std::string own = text_of(in, "mediaType", 256);
  const bool carrier_knows = is_index_type(media_type) || is_manifest_type(media_type);
  if (!own.empty() && !is_index_type(own) && !is_manifest_type(own)) {
    throw base::Error(base::cat("manifest: media type ", own, " is not supported"));
  }
  if (!own.empty() && carrier_knows && own != media_type) {
    throw base::Error(base::cat("manifest: it says ", own, ", but was announced as ", media_type));
  }
  const std::string type = !own.empty() ? own : carrier_knows ? media_type : std::string();
  if (!type.empty() && is_index_type(type) != manifests) {
    throw base::Error(base::cat("manifest: its content does not fit its type ", type));
  }
  if (!manifests) return manifest_from(in, type);
  Index out;
  out.media_type = type.empty() ? image::media::kOciIndex : type;
  for (const json& each : array_of(in, "manifests", kMaxIndexEntries, "index")) {
    out.manifests.push_back(descriptor_from(each, "manifest"));
  }
  return out;
}

std::vector<image::Descriptor> choose(const Index& index, const image::Platform& wanted) {
  struct Ranked {
    unsigned rank;
    const image::Descriptor* descriptor;
  };
  std::vector<Ranked> ranked;
  for (const image::Descriptor& each : index.manifests) {
    // Attestations and signatures are listed beside images, for no platform.
    if (each.platform && each.platform->os == "unknown") continue;
    // Without a platform it is the only information there is: last choice.
    const unsigned rank = each.platform ? image::platform_rank(wanted, *each.platform) : 1;
    if (rank > 0) ranked.push_back({rank, &each});
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Ranked& a, const Ranked& b) { return a.rank > b.rank; });
  std::vector<image::Descriptor> out;
  for (const Ranked& each : ranked) out.push_back(*each.descriptor);
  return out;
}

image::Descriptor choose_one(const Index& index, const image::Platform& wanted) {
  auto fitting = choose(index, wanted);
  if (!fitting.empty()) return fitting.front();
  std::vector<std::string> offered;
  for (const image::Descriptor& each : index.manifests) {
    if (each.platform && each.platform->os != "unknown") offered.push_back(each.platform->str());
  }
  std::sort(offered.begin(), offered.end());
  throw base::Error(base::cat("there is no image for ", wanted.str()),
                    offered.empty()
                        ? "the index is empty"
                        : base::cat("there are images for ", base::join(offered, ", ")));
}

Config parse_config(std::string_view bytes, std::size_t layers) {
  const json in = parse_bounded(bytes, "configuration", kMaxConfig);
  Config out;
  out.platform = platform_from(in);
  out.created = text_of(in, "created", 64);
  const auto rootfs = in.find("rootfs");
  if (rootfs == in.end() || !rootfs->is_object())
    throw base::Error("configuration: `rootfs` is missing");
  for (const json& each : array_of(*rootfs, "diff_ids", kMaxLayers, "configuration")) {
    if (!each.is_string()) throw base::Error("configuration: a diff id is not a text");
    out.diff_ids.push_back(image::parse_digest(each.get<std::string>()));
    if (out.diff_ids.back().algorithm != "sha256") {
      throw base::Error("configuration: diff ids must be sha256");
    }
  }
  if (out.diff_ids.size() != layers) {
    throw base::Error(
        base::cat("configuration: ", out.diff_ids.size(), " diff ids for ", layers, " layers"));
  }
  const auto at = in.find("config");
  if (at == in.end() || at->is_null()) return out;
  if (!at->is_object()) throw base::Error("configuration: `config` is not an object");
  out.image = image_config_from(*at);
  return out;
}

}  // namespace fetch
