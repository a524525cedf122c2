#include "fetch/image_commit.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <map>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "fetch/inherit.hpp"
#include "fetch/unpack_server.hpp"
#include "image/store.hpp"
#include "image/store_codec.hpp"

namespace fetch {

namespace {

std::size_t most_at_once() {
  const long processors = ::sysconf(_SC_NPROCESSORS_ONLN);
  return static_cast<std::size_t>(std::clamp(processors, 2L, 8L));
}

std::vector<image::Digest> chain_of(const std::vector<image::Digest>& diff_ids) {
  std::vector<image::Digest> out;
  for (const image::Digest& diff : diff_ids) {
    out.push_back(out.empty() ? diff : sha256(base::cat(out.back().str(), " ", diff.str())));
  }
  return out;
}

struct Job {
  std::size_t layer = 0;
  std::string folder;  // in the scratch folder
  UnpackReport report;
};

// Unpacked and checked; has its place in the store once the layers below have theirs.
struct Unplaced {
  std::string folder;
  UnpackedLayer unpacked;
};

}  // namespace

struct ImageCommit::State {
  State(StoreWriter& store_, Progress& progress_, ImageSource source_)
      : store(store_), progress(progress_), source(std::move(source_)), reader(store_.roots()) {}

  StoreWriter& store;
  Progress& progress;
  ImageSource source;
  image::Store reader;
  Manifest manifest;
  Config config;
  std::vector<image::Digest> chain;
  std::vector<std::uint64_t> sizes;
  enum class Layer : std::uint8_t { Wanted, Queued, Running, Unpacked, Ready };
  std::vector<Layer> layers;
  std::deque<std::size_t> queue;
  std::map<int, Job> jobs;                   // by the report's descriptor
  std::map<std::size_t, Unplaced> unplaced;  // by layer
  base::Fd epoll;
  unsigned counter = 0;

  bool usable(std::size_t index);
  void start_next();
  void finish_job(Job job);
  void place_layers();
  void place(std::size_t index, const Unplaced& layer);
  void settle(std::size_t index, Phase phase);
};

// Its meta file is read, too: the size is shown with the image.
bool ImageCommit::State::usable(std::size_t index) {
  image::StoredImage probe;
  probe.layers.resize(1);
  probe.layers.front().chain_id = chain[index];
  if (!reader.unusable_layers(probe).empty()) return false;
  const auto text = base::try_read_file(reader.layout().layer_meta(chain[index]), 64U << 10U);
  const auto meta = text ? image::parse_layer_meta(*text) : std::nullopt;
  if (meta) sizes[index] = meta->size;
  return meta.has_value();
}

void ImageCommit::State::settle(std::size_t index, Phase phase) {
  layers[index] = Layer::Ready;
  const image::Descriptor& blob = manifest.layers[index];
  progress.layer({blob.digest, phase, blob.size, blob.size});
}

void ImageCommit::State::start_next() {
  while (!queue.empty() && jobs.size() < most_at_once()) {
    const std::size_t index = queue.front();
    queue.pop_front();
    // Another layer of the same content, or another process, may have made it.
    if (usable(index)) {
      settle(index, Phase::Exists);
      place_layers();
      continue;
    }
    const image::Descriptor& blob = manifest.layers[index];
    const base::Fd fd = store.open_for_reading(blob.digest);
    if (!fd) throw base::Error(base::cat("layer ", blob.digest.str(), " is not in the store"));
    const std::string folder = base::cat(store.scratch(), "/layer-", counter++);
    base::sys::make_dir(folder, 0700);
    base::sys::make_dir(folder + "/fs", 0755);
    const base::Fd tree = base::sys::open(folder + "/fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (::fchmod(tree.get(), 0755) != 0) base::throw_errno("chmod", folder);
    UnpackReport report(UnpackServer::get().unpack(fd.get(), tree.get()));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = report.fd();
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, report.fd(), &event) != 0)
      base::throw_errno("epoll_ctl");
    layers[index] = Layer::Running;
    progress.layer({blob.digest, Phase::Extracting, 0, blob.size});
    const int key = report.fd();
    jobs.emplace(key, Job{index, folder, std::move(report)});
  }
}

void ImageCommit::State::finish_job(Job job) {
  const image::Descriptor& blob = manifest.layers[job.layer];
  UnpackedLayer unpacked;
  try {
    unpacked = job.report.result();
  } catch (const base::Error& error) {
    throw base::Error(base::cat("layer ", blob.digest.str(), ": ", error.what()), error.hint());
  }
  const image::Digest& promised = config.diff_ids[job.layer];
  if (unpacked.diff_id != promised) {
    throw VerifyError(base::cat("layer ", blob.digest.str(), ": its uncompressed content is ",
                                unpacked.diff_id.str(), ", not ", promised.str(),
                                " as the configuration says"));
  }
  layers[job.layer] = Layer::Unpacked;
  unplaced.emplace(job.layer, Unplaced{job.folder, std::move(unpacked)});
  place_layers();
}

// From below: folders that a layer only implies are like those of the layers under it.
void ImageCommit::State::place_layers() {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i] == Layer::Ready) continue;
    if (layers[i] != Layer::Unpacked) return;
    place(i, unplaced.at(i));
    unplaced.erase(i);
  }
}

void ImageCommit::State::place(std::size_t index, const Unplaced& layer) {
  std::vector<std::string> lower;
  for (std::size_t below = index; below-- > 0;) {
    lower.push_back(reader.layout().layer_tree(chain[below]));
  }
  inherit_folders(layer.folder + "/fs", layer.unpacked.implied, lower);
  sizes[index] = layer.unpacked.size;
  base::write_atomic(layer.folder + "/meta.json",
                     image::to_text(image::LayerMeta{base::boot_id(), layer.unpacked.size,
                                                     layer.unpacked.entries}));
  const std::string place = reader.layout().layer(chain[index]);
  if (::rename(layer.folder.c_str(), place.c_str()) != 0) {
    if (errno != EEXIST && errno != ENOTEMPTY) base::throw_errno("rename", place);
    if (!usable(index)) {
      // Left from before a crash of the machine: no container of this boot can be on it.
      const std::string old = base::cat(store.scratch(), "/old-", counter++);
      if (::rename(place.c_str(), old.c_str()) != 0 ||
          ::rename(layer.folder.c_str(), place.c_str()) != 0) {
        base::throw_errno("rename", place);
      }
      base::remove_tree(old);
    } else {
      base::remove_tree(layer.folder);
    }
  }
  settle(index, Phase::Done);
}

namespace {

// Of an index the right one was chosen; a manifest alone may be for something else. Without a wish
// it is taken, as docker does.
void check_platform(const image::Platform& has, const std::string& wanted) {
  if (wanted.empty() || has.os.empty() || has.architecture.empty()) return;
  if (image::platform_rank(image::parse_platform(wanted), has) > 0) return;
  throw base::Error(base::cat("the image is for ", has.str(), ", not for ", wanted));
}

}  // namespace

ImageCommit::ImageCommit(StoreWriter& store, Progress& progress, ImageSource source)
    : state_(std::make_unique<State>(store, progress, std::move(source))) {
  State& state = *state_;
  auto parsed = parse_manifest(state.source.manifest_bytes, state.source.manifest.media_type);
  auto* manifest = std::get_if<Manifest>(&parsed);
  if (manifest == nullptr) throw base::Error("an index is no image: a manifest was expected");
  state.manifest = std::move(*manifest);
  state.config = parse_config(state.source.config_bytes, state.manifest.layers.size());
  check_platform(state.config.platform, state.source.platform);
  state.chain = chain_of(state.config.diff_ids);
  state.sizes.resize(state.manifest.layers.size());
  state.layers.resize(state.manifest.layers.size(), State::Layer::Wanted);
  store.put_blob(state.source.manifest, state.source.manifest_bytes);
  store.put_blob(state.manifest.config, state.source.config_bytes);
  state.epoll = base::sys::epoll_create();
  for (std::size_t i = 0; i < state.layers.size(); ++i) {
    if (!needs_blob(i)) state.settle(i, Phase::Exists);
  }
}
ImageCommit::~ImageCommit() = default;

const Manifest& ImageCommit::manifest() const {
  return state_->manifest;
}
const Config& ImageCommit::config() const {
  return state_->config;
}

bool ImageCommit::needs_blob(std::size_t index) const {
  if (state_->layers.at(index) == State::Layer::Ready) return false;
  return !state_->usable(index) || !state_->store.has_blob(state_->manifest.layers[index]);
}

void ImageCommit::layer_ready(std::size_t index) {
  if (state_->layers.at(index) != State::Layer::Wanted) return;
  state_->layers[index] = State::Layer::Queued;
  state_->queue.push_back(index);
  state_->start_next();
}

int ImageCommit::poll_fd() const {
  return state_->epoll.get();
}

void ImageCommit::advance() {
  State& state = *state_;
  std::array<epoll_event, 16> events{};
  const int count =
      ::epoll_wait(state.epoll.get(), events.data(), static_cast<int>(events.size()), 0);
  if (count < 0 && errno != EINTR) base::throw_errno("epoll_wait");
  for (int i = 0; i < count; ++i) {
    const auto at = state.jobs.find(events.at(static_cast<std::size_t>(i)).data.fd);
    if (at == state.jobs.end()) continue;
    Job& job = at->second;
    const bool goes_on = job.report.read();
    const image::Descriptor& blob = state.manifest.layers[job.layer];
    if (goes_on) {
      state.progress.layer(
          {blob.digest, Phase::Extracting, std::min(job.report.consumed(), blob.size), blob.size});
      continue;
    }
    Job ended = std::move(job);
    ::epoll_ctl(state.epoll.get(), EPOLL_CTL_DEL, at->first, nullptr);
    state.jobs.erase(at);
    state.finish_job(std::move(ended));
  }
  state.start_next();
}

image::Digest ImageCommit::finish(const std::vector<std::string>& names) {
  State& state = *state_;
  state.place_layers();
  while (!state.jobs.empty() || !state.queue.empty()) {
    pollfd waiting{state.epoll.get(), POLLIN, 0};
    if (::poll(&waiting, 1, -1) < 0 && errno != EINTR) base::throw_errno("poll");
    advance();
  }
  image::StoredImage record;
  record.id = state.manifest.config.digest;
  record.config_size = state.manifest.config.size;
  record.manifest = state.source.manifest.digest;
  record.manifest_size = state.source.manifest.size;
  record.manifest_type = state.manifest.media_type;
  record.platform = state.config.platform;
  record.created = state.config.created;
  record.config = state.config.image;
  for (std::size_t i = 0; i < state.layers.size(); ++i) {
    if (state.layers[i] != State::Layer::Ready)
      throw base::Error("a layer of the image is missing");
    image::StoredLayer layer;
    layer.blob = state.manifest.layers[i].digest;
    layer.blob_size = state.manifest.layers[i].size;
    layer.media_type = state.manifest.layers[i].media_type;
    layer.diff_id = state.config.diff_ids[i];
    layer.chain_id = state.chain[i];
    layer.size = state.sizes[i];
    record.layers.push_back(std::move(layer));
  }
  state.reader.write_record(record);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  for (const std::string& name : names) {
    image::StoredName out;
    out.name = image::name_for(name, state.source.platform);
    out.id = record.id;
    if (!state.source.digests.empty()) out.digest = state.source.digests.front().str();
    out.signature = state.source.signature;
    out.platform = state.source.platform;
    out.at = std::chrono::duration_cast<std::chrono::seconds>(now).count();
    state.reader.write_name(out);
  }
  return record.id;
}

image::Digest commit_image(StoreWriter& store, Progress& progress, ImageSource source,
                           const std::vector<std::string>& names) {
  ImageCommit commit(store, progress, std::move(source));
  for (std::size_t i = 0; i < commit.manifest().layers.size(); ++i) commit.layer_ready(i);
  return commit.finish(names);
}

}  // namespace fetch
