// Manifests, indexes and image configurations, parsed from bytes that somebody hostile may have
// written: bounded, every field checked, each fault with its own text. OCI image specification 1.0
// and docker's manifest v2 schema 2 alike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "image/config.hpp"
#include "image/descriptor.hpp"

namespace fetch {

constexpr std::size_t kMaxManifest = 4U << 20U;
constexpr std::size_t kMaxConfig = 8U << 20U;
constexpr std::size_t kMaxLayers = 500;
constexpr std::size_t kMaxIndexEntries = 1000;
constexpr unsigned kMaxIndexDepth = 4;

struct Manifest {
  std::string media_type;
  image::Descriptor config;
  std::vector<image::Descriptor> layers;
};
struct Index {
  std::string media_type;
  std::vector<image::Descriptor> manifests;
};

// `media_type` as the carrier said it (Content-Type, descriptor), "" when unknown. Refuses a
// document with both `layers` and `manifests`, a type that contradicts the carrier, schema 1,
// foreign layers.
std::variant<Manifest, Index> parse_manifest(std::string_view bytes, const std::string& media_type);
// The manifests of the best platform first to last, those that do not run here left out.
std::vector<image::Descriptor> choose(const Index& index, const image::Platform& wanted);
// The one to take; throws base::Error that lists the platforms on offer.
image::Descriptor choose_one(const Index& index, const image::Platform& wanted);

struct Config {
  image::Platform platform;
  image::ImageConfig image;
  std::vector<image::Digest> diff_ids;
  std::string created;
};
// Throws unless there are as many diff ids as `layers`.
Config parse_config(std::string_view bytes, std::size_t layers);

}  // namespace fetch
