#include "fetch/registry_layers.hpp"

#include <algorithm>
#include <map>

namespace fetch {
namespace {

// How often it is looked whether another process has finished a blob.
constexpr base::Duration kBusyPause = std::chrono::milliseconds(100);

}  // namespace

struct LayerDownloads::Job {
  image::Descriptor blob;
  std::vector<std::size_t> indexes;  // of the manifest's layers: the same blob may come twice
  std::vector<std::unique_ptr<BlobFetch>> fetches;  // kept to the end: called from inside
  bool retried = false;
};

LayerDownloads::LayerDownloads(HttpLoop& loop, Connection& connection, StoreWriter& store,
                               Progress& progress, ImageCommit& commit, Options options)
    : loop_(loop),
      connection_(connection),
      store_(store),
      progress_(progress),
      commit_(commit),
      name_(std::move(options.name)),
      parallel_(options.parallel) {}

LayerDownloads::~LayerDownloads() = default;

void LayerDownloads::run() {
  const auto& layers = commit_.manifest().layers;
  std::map<image::Digest, Job*> known;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!commit_.needs_blob(i)) {
      progress_.layer({layers[i].digest, Phase::Exists, layers[i].size, layers[i].size});
      commit_.layer_ready(i);
      continue;
    }
    Job*& job = known[layers[i].digest];
    if (job == nullptr) {
      job = jobs_.emplace_back(std::make_unique<Job>()).get();
      job->blob = layers[i];
      show(*job, Phase::Waiting, 0);
    }
    job->indexes.push_back(i);
  }
  left_ = jobs_.size();
  try {
    if (commit_.poll_fd() >= 0) loop_.watch(commit_.poll_fd(), [this] { commit_.advance(); });
    fill();
    loop_.run_until([this] { return left_ == 0 || error_ != nullptr; });
  } catch (...) {
    error_ = std::current_exception();
  }
  loop_.clear();
  if (error_) std::rethrow_exception(error_);
}

void LayerDownloads::fill() {
  while (active_ < parallel_ && next_ < jobs_.size()) open(*jobs_[next_++]);
}

void LayerDownloads::open(Job& job) {
  ++active_;
  StoreWriter::Opened opened;
  try {
    opened = store_.open_blob(job.blob, {.wait = false});
  } catch (const VerifyError& error) {
    throw RegistryError(RegistryError::Kind::Wrong, base::cat("manifest: ", error.what()));
  }
  if (opened.writer) {
    fetch(job, std::move(*opened.writer));
  } else if (opened.exists) {
    arrived(job, Phase::Exists);
  } else {
    // Never waits for a lock: the other process may be waiting for a blob that is in work here.
    --active_;
    show(job, Phase::Waiting, 0);
    loop_.after(kBusyPause, [this, &job] { open(job); });
  }
}

void LayerDownloads::fetch(Job& job, BlobWriter writer) {
  show(job, Phase::Downloading, writer.offset());
  BlobFetch::Events events;
  events.on_bytes = [this, &job](std::uint64_t here) { show(job, Phase::Downloading, here); };
  events.on_retry = [this, &job](const std::string& why) {
    show(job, Phase::Retrying, 0);
    progress_.status(name_, why);
  };
  events.on_done = [this, &job] { arrived(job, Phase::Downloaded); };
  events.on_stale = [this, &job] {
    if (job.retried) {
      throw RegistryError(RegistryError::Kind::Wrong, base::cat("layer ", job.blob.digest.str(),
                                                                ": wrong content again and again"));
    }
    job.retried = true;
    loop_.after(base::Duration::zero(), [this, &job] {
      --active_;
      open(job);
    });
  };
  events.on_error = [this](std::exception_ptr error) {
    if (!error_) error_ = std::move(error);
  };
  job.fetches.push_back(
      std::make_unique<BlobFetch>(connection_, std::move(writer), std::move(events)));
  job.fetches.back()->start();
}

void LayerDownloads::arrived(Job& job, Phase phase) {
  --active_;
  --left_;
  show(job, phase, job.blob.size);
  for (const std::size_t index : job.indexes) commit_.layer_ready(index);
  fill();
}

void LayerDownloads::show(const Job& job, Phase phase, std::uint64_t current) const {
  progress_.layer({job.blob.digest, phase, current, job.blob.size});
}

}  // namespace fetch
