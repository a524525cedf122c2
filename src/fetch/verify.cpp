// verify: is what the store holds what it says. Blobs are hashed, layers unpacked once more and
// compared. With --mend yes: only makes layers anew that cannot be used as they are (after a crash
// of the machine).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "fetch/background.hpp"
#include "fetch/compare.hpp"
#include "fetch/image_commit.hpp"
#include "fetch/inherit.hpp"
#include "fetch/run.hpp"
#include "fetch/unpack_server.hpp"
#include "image/store.hpp"

namespace fetch {

namespace {

class Verifier {
 public:
  Verifier(const Options& options, StoreWriter& store)
      : options_(options), store_(store), reader_(options.roots) {}

  void check(const image::StoredImage& image) {
    options_.progress->status(image.id.str(), "Verifying");
    guard(image, [&] {
      store_.read_blob({"", image.manifest, image.manifest_size, {}, {}}, kMaxManifest);
    });
    guard(image, [&] { store_.read_blob({"", image.id, image.config_size, {}, {}}, kMaxConfig); });
    for (const image::StoredLayer& layer : image.layers) {
      if (checked_.insert(layer.chain_id).second) guard(image, [&] { check_layer(image, layer); });
    }
  }

  void mend(const image::StoredImage& image) {
    ImageSource source;
    source.manifest = {image.manifest_type, image.manifest, image.manifest_size, {}, {}};
    source.manifest_bytes = store_.read_blob(source.manifest, kMaxManifest);
    source.config_bytes = store_.read_blob({"", image.id, image.config_size, {}, {}}, kMaxConfig);
    for (const image::StoredLayer& layer : image.layers) {
      if (!store_.has_blob({layer.media_type, layer.blob, layer.blob_size, {}, {}})) {
        throw base::Error(
            base::cat("image ", image.id.brief(), ": layer ", layer.blob.brief(), " is lost"),
            "pull or load the image again");
      }
    }
    commit_image(store_, *options_.progress, std::move(source), {});
  }

  // The index that a name was pulled by, kept to be pushed again.
  void check_index(const image::StoredName& name) {
    const auto digest = image::try_parse_digest(name.digest);
    const auto image = digest ? reader_.find(name.id) : std::nullopt;
    if (!image || *digest == image->manifest || !store_.open_for_reading(*digest)) return;
    guard(*image, [&] { store_.read_blob({"", *digest, 0, {}, {}}, kMaxManifest); });
  }

  [[nodiscard]] unsigned problems() const { return problems_; }

 private:
  template <class Check>
  void guard(const image::StoredImage& image, Check check) {
    try {
      check();
    } catch (const base::Error& error) {
      ++problems_;
      options_.progress->line(nlohmann::json{
          {"event", "problem"},
          {"image", image.id.str()},
          {"text", error.what()}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    }
  }

  void check_layer(const image::StoredImage& image, const image::StoredLayer& layer) {
    const base::Fd fd = store_.open_for_reading(layer.blob);
    if (!fd) throw base::Error(base::cat("layer ", layer.blob.str(), " is not in the store"));
    Hasher hasher(layer.blob.algorithm);
    std::string buffer(1U << 20U, '\0');
    for (off_t at = 0;;) {
      const ssize_t got = ::pread(fd.get(), buffer.data(), buffer.size(), at);
      if (got < 0) base::throw_errno("read", layer.blob.str());
      if (got == 0) break;
      hasher.update(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
      at += got;
    }
    if (hasher.finish() != layer.blob)
      throw base::Error(base::cat("layer ", layer.blob.str(), " is damaged"));
    const std::string folder = base::cat(store_.scratch(), "/verify");
    base::remove_tree(folder);
    base::sys::make_dir(folder, 0755);
    const base::Fd tree = base::sys::open(folder, O_RDONLY | O_DIRECTORY);
    if (::fchmod(tree.get(), 0755) != 0) base::throw_errno("chmod", folder);
    UnpackReport report(UnpackServer::get().unpack(fd.get(), tree.get()));
    while (report.read()) {
    }
    const UnpackedLayer unpacked = report.result();
    if (unpacked.diff_id != layer.diff_id) {
      throw base::Error(
          base::cat("layer ", layer.blob.str(), " unpacks to something else than its image says"));
    }
    std::vector<std::string> lower;
    for (const image::StoredLayer& each : image.layers) {
      if (each.chain_id == layer.chain_id) break;
      lower.insert(lower.begin(), reader_.layout().layer_tree(each.chain_id));
    }
    inherit_folders(folder, unpacked.implied, lower);
    const std::string difference =
        compare_trees(folder, reader_.layout().layer_tree(layer.chain_id));
    base::remove_tree(folder);
    if (!difference.empty()) {
      throw base::Error(
          base::cat("unpacked layer ", layer.chain_id.str(), " was changed: ", difference));
    }
  }

  const Options& options_;
  StoreWriter& store_;
  image::Store reader_;
  std::set<image::Digest> checked_;
  unsigned problems_ = 0;
};

}  // namespace

int verify(const Options& options) {
  StoreWriter store(options.roots);
  const image::Store reader(options.roots);
  std::vector<image::StoredImage> images;
  for (const std::string& name : options.names) images.push_back(reader.look_up(name));
  if (options.names.empty()) images = reader.images();
  Verifier verifier(options, store);
  const bool mend = options.others.count("mend") != 0;
  for (const image::StoredImage& image : images) {
    if (mend) {
      verifier.mend(image);
    } else {
      verifier.check(image);
    }
  }
  if (!mend && options.names.empty()) {
    for (const image::StoredName& name : reader.names()) verifier.check_index(name);
  }
  if (mend) make_durable_in_background(options.roots);
  return verifier.problems() == 0 ? 0 : 1;
}

}  // namespace fetch
