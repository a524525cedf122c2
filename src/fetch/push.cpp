// `stack-image push`: an image of the store to its registry, under its own name or another
// (--as REFERENCE). Blobs first, several at once, then the manifest, which makes it visible. An
// image pulled by an index goes out as that index when all its platforms are here, as with docker.
#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "fetch/hash.hpp"
#include "fetch/manifest.hpp"
#include "fetch/push_upload.hpp"
#include "fetch/run.hpp"
#include "fetch/store_writer.hpp"
#include "image/reference.hpp"
#include "image/store.hpp"

namespace fetch {
namespace {

// What goes out under one name: an image, or an index with all its images.
struct Parcel {
  std::vector<image::StoredImage> images;  // the one that was asked for first
  std::optional<image::Descriptor> index;
  std::string note;  // what is left out, and why
};

void add_index(const image::Store& store, StoreWriter& writer, const image::StoredName& name,
               Parcel& parcel) {
  const auto digest = image::try_parse_digest(name.digest);
  if (!digest || *digest == parcel.images.front().manifest) return;
  const image::StoredImage& first = parcel.images.front();
  const std::string alone = base::cat(" of ", digest->brief(), " is pushed: ", first.platform.str(),
                                      " ", first.manifest.str());
  if (!writer.open_for_reading(*digest)) {
    parcel.note = base::cat("Only one platform", alone);
    return;
  }
  const std::string bytes = writer.read_blob({"", *digest, 0}, kMaxManifest);
  const auto parsed = parse_manifest(bytes, "");
  const auto* index = std::get_if<Index>(&parsed);
  if (index == nullptr) return;
  std::vector<image::StoredImage> known = store.images(), others;
  for (const image::Descriptor& each : index->manifests) {
    const auto at = std::find_if(known.begin(), known.end(), [&](const image::StoredImage& image) {
      return image.manifest == each.digest;
    });
    if (at == known.end()) {
      parcel.note = base::cat("Not every platform is here, so only one", alone);
      return;
    }
    if (at->manifest != first.manifest) others.push_back(*at);
  }
  parcel.images.insert(parcel.images.end(), others.begin(), others.end());
  parcel.index = image::Descriptor{index->media_type, *digest, bytes.size()};
}

Parcel parcel_of(const image::Store& store, StoreWriter& writer, const std::string& name,
                 const std::string& platform) {
  Parcel out;
  std::vector<image::StoredName> names = store.platforms_of(name);
  if (!platform.empty()) {
    const std::string wanted = image::name_for(name, platform);
    names.erase(std::remove_if(names.begin(), names.end(),
                               [&](const image::StoredName& each) { return each.name != wanted; }),
                names.end());
  }
  for (const image::StoredName& each : names) {
    auto image = store.find(each.id);
    if (!image) continue;
    out.images.push_back(std::move(*image));
    if (platform.empty()) add_index(store, writer, each, out);
    return out;
  }
  if (!platform.empty() && !store.platforms_of(name).empty()) {
    throw base::Error(base::cat("it is not here for ", platform),
                      base::cat("stack image pull --platform ", platform, " ", name));
  }
  out.images.push_back(store.look_up(name));  // an id, or the error
  return out;
}

class Push {
 public:
  Push(const Options& options, const RegistriesConfig& config, StoreWriter& writer, Parcel parcel,
       image::Reference target)
      : options_(options),
        config_(config),
        writer_(writer),
        parcel_(std::move(parcel)),
        target_(std::move(target)),
        loop_(config.bounds),
        connection_(loop_, config, endpoints_of(config, target_.registry).back(),
                    target_.repository) {}

  void run() {
    options_.progress->status(target_.name(), "Pushing");
    if (!parcel_.note.empty()) options_.progress->status(target_.name(), parcel_.note);
    std::vector<Document> documents;
    for (const image::StoredImage& image : parcel_.images) {
      documents.push_back(read({image.manifest_type, image.manifest, image.manifest_size}));
    }
    if (parcel_.index) documents.push_back(read(*parcel_.index));
    send_blobs();
    const std::string named = target_.digest ? target_.digest->str() : target_.tag;
    // An index after what it refers to; the last one gets the name.
    for (const Document& each : documents) {
      const bool last = &each == &documents.back();
      send_manifest(each, last ? named : each.described.digest.str());
    }
    options_.progress->image_done(target_.name(), parcel_.images.front().id,
                                  documents.back().described.digest.str());
  }

 private:
  struct Document {
    image::Descriptor described;
    std::string bytes;
  };
  Document read(const image::Descriptor& described) {
    return {described, writer_.read_blob(described, kMaxManifest)};
  }

  void send_blobs() {
    std::set<image::Digest> seen;
    std::vector<image::Descriptor> blobs;
    for (const image::StoredImage& image : parcel_.images) {
      for (const image::StoredLayer& layer : image.layers) {
        if (seen.insert(layer.blob).second) {
          blobs.push_back({layer.media_type, layer.blob, layer.blob_size});
        }
      }
      if (seen.insert(image.id).second) blobs.push_back({"", image.id, image.config_size});
    }
    find_mounts();
    std::exception_ptr failed;
    std::vector<std::unique_ptr<BlobUpload>> uploads;
    std::size_t next = 0;
    std::size_t active = 0;
    const std::function<void()> fill = [&] {
      while (active < config_.parallel && next < blobs.size()) {
        const image::Descriptor blob = blobs[next++];
        ++active;
        BlobUpload::Events events;
        events.on_bytes = [this, blob](std::uint64_t sent) { show(blob, Phase::Pushing, sent); };
        events.on_retry = [this, blob](const std::string& why) {
          show(blob, Phase::Retrying, 0);
          options_.progress->status(target_.name(), why);
        };
        events.on_done = [this, blob, &active, &fill](BlobUpload::How how) {
          show(blob, how == BlobUpload::How::Sent ? Phase::Pushed : Phase::Exists, blob.size);
          --active;
          fill();
        };
        events.on_error = [&failed](const std::exception_ptr& error) {
          if (!failed) failed = error;
        };
        BlobUpload::Source source{blob, writer_.open_for_reading(blob.digest),
                                  mounts_[blob.digest]};
        uploads.push_back(std::make_unique<BlobUpload>(loop_, connection_, std::move(source),
                                                       config_.chunk, std::move(events)));
        uploads.back()->start();
      }
    };
    fill();
    loop_.run_until([&] { return failed != nullptr || (active == 0 && next == blobs.size()); });
    loop_.clear();
    if (failed) std::rethrow_exception(failed);
  }

  // Repositories of the same registry from which an image with the same blob was pulled.
  void find_mounts() {
    const image::Store store(options_.roots);
    for (const image::StoredName& name : store.names()) {
      if (name.digest.empty()) continue;  // loaded, not pulled
      image::Reference from;
      try {
        from = image::parse_reference(name.name);
      } catch (const base::Error&) {
        continue;
      }
      if (!from.is_registry() || from.registry != target_.registry ||
          from.repository == target_.repository) {
        continue;
      }
      const auto other = store.find(name.id);
      if (!other) continue;
      const auto add = [&](const image::Digest& blob) {
        auto& list = mounts_[blob];
        const bool known = std::find(list.begin(), list.end(), from.repository) != list.end();
        if (!known && list.size() < 2) list.push_back(from.repository);
      };
      for (const image::StoredLayer& layer : other->layers) add(layer.blob);
      add(other->id);
    }
  }

  void send_manifest(const Document& document, const std::string& reference) {
    Call put;
    put.method = "PUT";
    put.path = "/manifests/" + reference;
    put.headers.push_back("Content-Type: " + document.described.media_type);
    put.body = HttpBody{document.bytes};
    put.scope = connection_.push_scope();
    put.object = "manifest " + reference;
    put.accept = {200, 201, 202};
    const std::string object = put.object;
    const HttpResponse response = connection_.perform(std::move(put));
    const std::string stated = response.header("docker-content-digest");
    if (!stated.empty() && stated != document.described.digest.str()) {
      throw RegistryError(RegistryError::Kind::Wrong,
                          base::cat(object, ": the registry calls it ", printable(stated, 100),
                                    ", it is ", document.described.digest.str()));
    }
  }

  void show(const image::Descriptor& blob, Phase phase, std::uint64_t current) {
    options_.progress->layer({blob.digest, phase, current, blob.size});
  }

  const Options& options_;
  const RegistriesConfig& config_;
  StoreWriter& writer_;
  Parcel parcel_;
  image::Reference target_;
  HttpLoop loop_;
  Connection connection_;
  std::map<image::Digest, std::vector<std::string>> mounts_;
};

}  // namespace

int push(const Options& options) {
  const RegistriesConfig config = load_registries();
  const auto renamed = options.others.find("as");
  if (renamed != options.others.end() && options.names.size() != 1) {
    throw base::Error("--as names the target of one image");
  }
  StoreWriter writer(options.roots);
  const image::Store store(options.roots);
  int status = 0;
  for (const std::string& name : options.names) {
    try {
      image::Reference source = image::parse_reference(name, options.working_dir);
      Parcel parcel = parcel_of(store, writer, source.name(), options.platform);
      image::Reference target =
          renamed == options.others.end() ? source : image::parse_reference(renamed->second);
      if (!target.is_registry()) {
        throw base::Error(base::cat("image ", name, " belongs to no registry"),
                          "stack push IMAGE --as REGISTRY/NAME:TAG");
      }
      Push(options, config, writer, std::move(parcel), std::move(target)).run();
    } catch (const base::Error& error) {
      options.progress->error(
          base::Error(base::cat("push ", name, ": ", error.what()), error.hint()));
      status = 1;
    }
  }
  return status;
}

}  // namespace fetch
