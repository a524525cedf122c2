// UnpackServer: starts the children that unpack layers. A process forked before anything else
// happens (no threads, no connections, no credentials in its memory), which forks one sandboxed
// child a layer on request. All of them die with us.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "fetch/layer_reader.hpp"

namespace fetch {

class UnpackServer {
 public:
  // Call first thing in main.
  static void start();
  static UnpackServer& get();
  ~UnpackServer();
  UnpackServer(const UnpackServer&) = delete;
  UnpackServer& operator=(const UnpackServer&) = delete;

  // Unpacks the blob into the folder; the answers come through the descriptor returned.
  base::Fd unpack(int blob, int folder);

 private:
  UnpackServer() = default;
  base::Fd socket_;
  pid_t pid_ = -1;
};

// Reads what a child says. The child may have been taken over: nothing it says is trusted beyond
// its form.
class UnpackReport {
 public:
  explicit UnpackReport(base::Fd pipe) : pipe_(std::move(pipe)) {}
  [[nodiscard]] int fd() const { return pipe_.get(); }
  // Takes in what is there. False once the child has finished (or died).
  bool read();

  [[nodiscard]] std::uint64_t consumed() const { return consumed_; }
  // Once finished: the result, or throws base::Error as the child did.
  [[nodiscard]] UnpackedLayer result() const;

 private:
  base::Fd pipe_;
  std::string buffer_;
  std::uint64_t consumed_ = 0;
  std::optional<UnpackedLayer> done_;
  std::vector<std::string> implied_;
  std::string error_, hint_;
};

}  // namespace fetch
