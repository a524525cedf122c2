// ByteSource: the uncompressed bytes of a blob, whatever it was packed with (gzip, also several
// members one after the other; zstd; nothing), told by its first bytes. Refuses what is cut short,
// followed by garbage, or out of all proportion to its size.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace fetch {

struct InflateLimits {
  std::uint64_t bytes = 256ULL << 30U;       // uncompressed
  std::uint64_t ratio = 200;                 // uncompressed to packed ...
  std::uint64_t ratio_counts = 4ULL << 30U;  // ... once there are this many bytes
};

class ByteSource {
 public:
  // Reads `fd` from its start with pread; not owned.
  ByteSource(int fd, InflateLimits limits);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // The next bytes, valid until the next call; empty at the end. Throws base::Error.
  std::string_view next();
  // Of the blob, so far.
  [[nodiscard]] std::uint64_t consumed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fetch
