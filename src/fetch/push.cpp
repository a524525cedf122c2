// `stack-image push`: an image of the store to its registry, under its own name or another
// (--as REFERENCE). Blobs first, several at once, then the manifest, which makes it visible.
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

class Push {
 public:
  Push(const Options& options, const RegistriesConfig& config, StoreWriter& writer,
       image::StoredImage image, image::Reference target)
      : options_(options),
        config_(config),
        writer_(writer),
        image_(std::move(image)),
        target_(std::move(target)),
        loop_(config.bounds),
        connection_(loop_, config, endpoints_of(config, target_.registry).back(),
                    target_.repository) {}

  void run() {
    options_.progress->status(target_.name(), "Pushing");
    const image::Descriptor described{image_.manifest_type, image_.manifest, image_.manifest_size};
    const std::string manifest = writer_.read_blob(described, kMaxManifest);
    send_blobs();
    send_manifest(manifest);
    options_.progress->image_done(target_.name(), image_.id, image_.manifest.str());
  }

 private:
  void send_blobs() {
    std::set<image::Digest> seen;
    std::vector<image::Descriptor> blobs;
    for (const image::StoredLayer& layer : image_.layers) {
      if (seen.insert(layer.blob).second) {
        blobs.push_back({layer.media_type, layer.blob, layer.blob_size});
      }
    }
    blobs.push_back({"", image_.id, image_.config_size});
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
          show(blob, how == BlobUpload::How::Sent ? Phase::Done : Phase::Exists, blob.size);
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

  void send_manifest(const std::string& manifest) {
    Call put;
    put.method = "PUT";
    const std::string reference = target_.digest ? target_.digest->str() : target_.tag;
    put.path = "/manifests/" + reference;
    put.headers.push_back("Content-Type: " + image_.manifest_type);
    put.body = HttpBody{manifest};
    put.scope = connection_.push_scope();
    put.object = "manifest " + reference;
    put.accept = {200, 201, 202};
    const std::string object = put.object;
    const HttpResponse response = connection_.perform(std::move(put));
    const std::string stated = response.header("docker-content-digest");
    if (!stated.empty() && stated != image_.manifest.str()) {
      throw RegistryError(RegistryError::Kind::Wrong,
                          base::cat(object, ": the registry calls it ", printable(stated, 100),
                                    ", it is ", image_.manifest.str()));
    }
  }

  void show(const image::Descriptor& blob, Phase phase, std::uint64_t current) {
    options_.progress->layer({blob.digest, phase, current, blob.size});
  }

  const Options& options_;
  const RegistriesConfig& config_;
  StoreWriter& writer_;
  image::StoredImage image_;
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
      const image::StoredImage image = store.look_up(source.name());
      image::Reference target =
          renamed == options.others.end() ? source : image::parse_reference(renamed->second);
      if (!target.is_registry()) {
        throw base::Error(base::cat("image ", name, " belongs to no registry"),
                          "stack push IMAGE --as REGISTRY/NAME:TAG");
      }
      Push(options, config, writer, image, std::move(target)).run();
    } catch (const base::Error& error) {
      options.progress->error(
          base::Error(base::cat("push ", name, ": ", error.what()), error.hint()));
      status = 1;
    }
  }
  return status;
}

}  // namespace fetch
