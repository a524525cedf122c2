#include "fetch/inflate.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"

namespace fetch {

namespace {

constexpr std::size_t kInput = 256U << 10U, kOutput = 512U << 10U;
constexpr int kMaxZstdWindow = 27;  // 128 MiB: what every decoder must manage

struct FreeZstd {
  void operator()(ZSTD_DStream* stream) const noexcept { ::ZSTD_freeDStream(stream); }
};

enum class Packing { Unknown, None, Gzip, Zstd };

}  // namespace

struct ByteSource::State {
  State(int fd_, InflateLimits limits_)
      : fd(fd_), limits(limits_), input(kInput), output(kOutput) {}
  ~State() {
    if (packing == Packing::Gzip) ::inflateEnd(&gzip);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  bool fill();
  void start();
  std::string_view plain();
  std::string_view inflate_gzip();
  std::string_view inflate_zstd();

  int fd;
  InflateLimits limits;
  std::vector<char> input, output;
  std::size_t begin = 0, end = 0;  // of what is not used yet in `input`
  std::uint64_t offset = 0, given = 0;
  bool at_end = false;
  Packing packing = Packing::Unknown;
  z_stream gzip{};
  bool between_members = false;
  std::unique_ptr<ZSTD_DStream, FreeZstd> zstd;
  bool in_frame = false;
};

// More input; false at the end of the blob.
bool ByteSource::State::fill() {
  if (begin < end) return true;
  if (at_end) return false;
  while (true) {
    const ssize_t got = ::pread(fd, input.data(), input.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) base::throw_errno("read", "what is packed");
    begin = 0;
    end = static_cast<std::size_t>(got);
    offset += end;
    at_end = got == 0;
    return got > 0;
  }
}

void ByteSource::State::start() {
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  packing = Packing::None;
  if (!fill()) return;
  const std::string_view first(input.data(), end);
  if (base::starts_with(first, "\x1f\x8b")) {
    if (::inflateInit2(&gzip, 15 + 16) != Z_OK) throw base::Error("no memory to decompress");
    packing = Packing::Gzip;
  } else if (base::starts_with(first, "\x28\xb5\x2f\xfd")) {
    zstd.reset(::ZSTD_createDStream());
    if (!zstd || ::ZSTD_isError(::ZSTD_DCtx_setParameter(zstd.get(), ZSTD_d_windowLogMax,
                                                         kMaxZstdWindow)) != 0) {
      throw base::Error("no memory to decompress");
    }
    packing = Packing::Zstd;
  } else if (base::starts_with(first, "BZh") || base::starts_with(first,
                                                                  "\xfd"
                                                                  "7zXZ")) {
    throw base::Error("it is packed with bzip2 or xz: only gzip and zstd are supported");
  }
}

std::string_view ByteSource::State::plain() {
  if (!fill()) return {};
  const std::string_view out(input.data() + begin, end - begin);
  begin = end;
  return out;
}

std::string_view ByteSource::State::inflate_gzip() {
  while (true) {
    if (!fill()) {
      if (between_members) return {};
      throw base::Error("its gzip data ends in the middle");
    }
    if (between_members) {
      if (::inflateReset(&gzip) != Z_OK) throw base::Error("no memory to decompress");
      between_members = false;
    }
    gzip.next_in = reinterpret_cast<Bytef*>(input.data() + begin);
    gzip.avail_in = static_cast<uInt>(end - begin);
    gzip.next_out = reinterpret_cast<Bytef*>(output.data());
    gzip.avail_out = static_cast<uInt>(output.size());
    const int result = ::inflate(&gzip, Z_NO_FLUSH);
    begin = end - gzip.avail_in;
    if (result == Z_STREAM_END) {
      between_members = true;  // what follows must be another member
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      throw base::Error(base::cat("its gzip data is damaged: ",
                                  gzip.msg != nullptr ? gzip.msg : "unknown error"));
    }
    const std::size_t made = output.size() - gzip.avail_out;
    if (made > 0) return {output.data(), made};
  }
}

std::string_view ByteSource::State::inflate_zstd() {
  while (true) {
    if (!fill()) {
      if (!in_frame) return {};
      throw base::Error("its zstd data ends in the middle");
    }
    ZSTD_inBuffer in{input.data() + begin, end - begin, 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    const std::size_t result = ::ZSTD_decompressStream(zstd.get(), &out, &in);
    if (::ZSTD_isError(result) != 0) {
      throw base::Error(base::cat("its zstd data is damaged: ", ::ZSTD_getErrorName(result)));
    }
    begin += in.pos;
    in_frame = result != 0;
    if (out.pos > 0) return {output.data(), out.pos};
  }
}

ByteSource::ByteSource(int fd, InflateLimits limits)
    : state_(std::make_unique<State>(fd, limits)) {}
ByteSource::~ByteSource() = default;

std::uint64_t ByteSource::consumed() const {
  return state_->offset - (state_->end - state_->begin);
}

std::string_view ByteSource::next() {
  State& state = *state_;
  if (state.packing == Packing::Unknown) state.start();
  std::string_view out;
  switch (state.packing) {
    case Packing::Gzip:
      out = state.inflate_gzip();
      break;
    case Packing::Zstd:
      out = state.inflate_zstd();
      break;
    case Packing::None:
    case Packing::Unknown:
      out = state.plain();
      break;
  }
  state.given += out.size();
  if (state.given > state.limits.bytes) {
    throw base::Error(base::cat("it unpacks to more than ", base::human_size(state.limits.bytes)));
  }
  if (state.given > state.limits.ratio_counts && state.given / state.limits.ratio > consumed()) {
    throw base::Error(base::cat("it unpacks to more than ", state.limits.ratio, " times its size"));
  }
  return out;
}

}  // namespace fetch
