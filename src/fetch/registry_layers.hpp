// LayerDownloads: the layers of one image, several at once, each blob by one process of the machine
// at a time; what arrives is handed to the unpacking at once.
#pragma once

#include <exception>
#include <memory>
#include <vector>

#include "fetch/image_commit.hpp"
#include "fetch/registry.hpp"

namespace fetch {

class LayerDownloads {
 public:
  struct Options {
    std::string name;  // of the image, for progress
    unsigned parallel = 4;
  };
  LayerDownloads(HttpLoop& loop, Connection& connection, StoreWriter& store, Progress& progress,
                 ImageCommit& commit, Options options);
  LayerDownloads(const LayerDownloads&) = delete;
  LayerDownloads& operator=(const LayerDownloads&) = delete;
  ~LayerDownloads();
  // Until every blob is in the store; throws the first error. The loop is cleared either way.
  void run();

 private:
  struct Job;
  void fill();
  void open(Job& job);
  void fetch(Job& job, BlobWriter writer);
  void arrived(Job& job, Phase phase);
  void show(const Job& job, Phase phase, std::uint64_t current) const;

  HttpLoop& loop_;
  Connection& connection_;
  StoreWriter& store_;
  Progress& progress_;
  ImageCommit& commit_;
  std::string name_;
  unsigned parallel_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::size_t next_ = 0, active_ = 0, left_ = 0;
  std::exception_ptr error_;
};

}  // namespace fetch
