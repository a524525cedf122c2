#include "supervisor/log_mover.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <unordered_map>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/sys.hpp"
#include "supervisor/log_index.hpp"

namespace supervisor {

namespace {

// One noisy container must not hold up the others: so much a stream and round of the loop.
constexpr std::uint64_t kRound = 1U << 20U;
// What a SIGKILL can lose of a terminal's output where the kernel cannot splice out of a pty (below
// 5.11), or nobody gave us a pipe to splice through.
constexpr std::size_t kTtyBuffer = 4096;
// The last move, when a container is let go: more than any pipe holds, but not for ever.
constexpr std::uint64_t kLast = 16U << 20U;
// A full disk: the container waits at its pipe, as with docker; nothing is dropped.
constexpr base::Duration kRetry = std::chrono::seconds(1);

std::int64_t wall_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

std::uint64_t size_of(const base::Fd& fd, const std::string& object) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) base::throw_errno("fstat", object);
  return static_cast<std::uint64_t>(info.st_size);
}

struct Moved {
  enum class State { Data, Empty, End, Refused } state = State::Empty;
  std::uint64_t bytes = 0;
  int errnum = 0;
};

Moved moved(ssize_t n) {
  if (n > 0) return {Moved::State::Data, static_cast<std::uint64_t>(n), 0};
  if (n == 0) return {Moved::State::End, 0, 0};
  if (errno == EAGAIN || errno == EINTR) return {};
  return {Moved::State::Refused, 0, errno};
}

struct Stream {
  base::Fd source;
  base::Fd file;
  std::uint64_t size = 0;
  Loop::Id id = 0;  // the watch, or the timer until the next try
};

// One container's streams and the segment they go to.
class Log {
 public:
  Log(Loop& loop, std::string container, LogStreams streams, std::string dir, LogLimits limits,
      LogExport* derived)
      : loop_(loop),
        container_(std::move(container)),
        dir_(std::move(dir)),
        limits_(limits),
        tty_(!streams.err.valid()),
        terminal_(tty_),
        through_(std::move(streams.through)),
        derived_(derived) {
    limits_.max_files = std::max(limits_.max_files, 1U);
    streams_[0].source = std::move(streams.out);
    streams_[1].source = std::move(streams.err);
    struct stat info {};
    // A single stream is a terminal, but a pipe given as one is still spliced.
    if (tty_ && ::fstat(streams_[0].source.get(), &info) == 0 && S_ISFIFO(info.st_mode)) {
      tty_ = false;
    }
    if (!limits_.discard) {
      base::sys::make_dirs(dir_, 0700);
      // What lies before is pruned by the next rotation, once a driver has no need of it.
      if (derived_ == nullptr) prune_segments(dir_, limits_.max_files);
      const std::vector<std::uint64_t> segments = list_segments(dir_);
      open_segment(segments.empty() ? 1 : segments.back());
    }
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      if (!streams_[i].source) continue;
      const int fd = streams_[i].source.get();
      const int flags = ::fcntl(fd, F_GETFL);
      if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        base::throw_errno("fcntl", container_);
      }
      watch(i);
    }
    // What a mover before us had taken from the terminal when it died: nothing else wakes us for
    // it.
    while (tty_ && through_ && move(0).state == Moved::State::Data) {
    }
  }

  ~Log() {
    for (const Stream& stream : streams_) loop_.remove(stream.id);
  }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  [[nodiscard]] bool is_terminal() const { return terminal_; }

  void drain() {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      if (!streams_[i].source) continue;
      std::uint64_t total = 0;
      while (total < kLast) {
        const Moved result = move(i);
        if (result.state != Moved::State::Data) break;
        total += result.bytes;
      }
    }
  }

 private:
  void watch(std::size_t i) {
    streams_[i].id =
        loop_.watch(streams_[i].source.get(), EPOLLIN, [this, i](std::uint32_t) { on_ready(i); });
  }

  void on_ready(std::size_t i) {
    const Moved result = move(i);
    switch (result.state) {
      case Moved::State::Data:
      case Moved::State::Empty:
        break;
      case Moved::State::End:
        loop_.remove(streams_[i].id);
        streams_[i].id = 0;
        break;
      case Moved::State::Refused:
        if (!std::exchange(refused_, true)) {
          const std::string why =
              result.errnum == EAGAIN
                  ? "its driver takes nothing, and lines not sent would have to go"
                  : base::cat(dir_, ": ", base::errno_text(result.errnum));
          base::log::warn(base::cat("log of ", container_, ": ", why,
                                    "; the container waits until there is room"));
        }
        loop_.remove(streams_[i].id);
        streams_[i].id = loop_.after(kRetry, [this, i] { watch(i); });
        break;
    }
  }

  // One record, then the bytes: killed in between, the record reaches to what comes next.
  Moved move(std::size_t i) {
    Stream& stream = streams_[i];
    if (limits_.discard) return drop(stream);
    try {
      // Never into a full file, so that its limit holds; the index counts as well, or a container
      // that prints single bytes would fill the disk with records.
      if (used() + kLogRecordSize >= limits_.max_size &&
          (streams_[0].size | streams_[1].size) != 0) {
        if (!may_rotate()) return {Moved::State::Refused, 0, EAGAIN};
        rotate();
      }
    } catch (const base::SysError& error) {
      return {Moved::State::Refused, 0, error.errnum()};
    }
    if (const int errnum = write_record(); errnum != 0) return {Moved::State::Refused, 0, errnum};
    const std::uint64_t filled = used();
    const std::uint64_t room = limits_.max_size > filled ? limits_.max_size - filled : 1;
    const std::uint64_t want = std::min(kRound, room);
    const Moved result = !tty_       ? splice(stream.source, stream, want)
                         : !through_ ? copy(stream, want)
                                     : splice_terminal(stream, want);
    if (result.state == Moved::State::Data) {
      stream.size += result.bytes;
      refused_ = false;
      if (derived_ != nullptr) derived_->moved();
    }
    return result;
  }

  static Moved splice(const base::Fd& source, Stream& stream, std::uint64_t want) {
    auto offset = static_cast<loff_t>(stream.size);
    return moved(::splice(source.get(), nullptr, stream.file.get(), &offset, want,
                          SPLICE_F_NONBLOCK | SPLICE_F_MOVE));
  }

  // Into a pipe that outlives us, then from there: at no instruction are the bytes in our memory
  // alone. One side of a splice has to be a pipe.
  Moved splice_terminal(Stream& stream, std::uint64_t want) {
    const Moved taken = moved(::splice(stream.source.get(), nullptr, through_.get(), nullptr,
                                       kRound, SPLICE_F_NONBLOCK | SPLICE_F_MOVE));
    const Moved result = splice(through_, stream, want);
    if (result.state != Moved::State::Empty || taken.state != Moved::State::Refused) {
      return taken.state == Moved::State::End && result.state == Moved::State::Empty ? taken
                                                                                     : result;
    }
    if (taken.errnum == EIO) return {Moved::State::End, 0, 0};  // the last process on it has gone
    if (taken.errnum != EINVAL) return taken;
    through_.reset();  // this kernel cannot
    return copy(stream, want);
  }

  static Moved copy(Stream& stream, std::uint64_t want) {
    std::array<char, kTtyBuffer> buffer;
    const ssize_t n =
        ::read(stream.source.get(), buffer.data(), std::min<std::uint64_t>(want, buffer.size()));
    // The last process on the terminal has gone: EIO is its end of file.
    if (n < 0 && errno == EIO) return {Moved::State::End, 0, 0};
    Moved result = moved(n);
    std::uint64_t written = 0;
    while (written < result.bytes) {
      const ssize_t w = ::pwrite(stream.file.get(), buffer.data() + written,
                                 static_cast<std::size_t>(result.bytes - written),
                                 static_cast<off_t>(stream.size + written));
      if (w < 0 && errno == EINTR) continue;
      // No room: what was read cannot be put back; at most one buffer is lost before we wait.
      if (w <= 0) break;
      written += static_cast<std::uint64_t>(w);
    }
    if (result.bytes != 0 && written == 0) return {Moved::State::Refused, 0, ENOSPC};
    result.bytes = written;
    return result;
  }

  // 0 or errno. Nothing came since the last record: that one is written over with the new time.
  int write_record() {
    const LogRecord record{streams_[0].size, streams_[1].size, wall_clock()};
    const bool same = index_size_ != 0 && last_.out == record.out && last_.err == record.err;
    const std::uint64_t at = same ? index_size_ - kLogRecordSize : index_size_;
    const ssize_t n = ::pwrite(index_.get(), &record, kLogRecordSize, static_cast<off_t>(at));
    if (n < 0) return errno;
    if (static_cast<std::uint64_t>(n) != kLogRecordSize) return ENOSPC;
    index_size_ = at + kLogRecordSize;
    last_ = record;
    return 0;
  }

  [[nodiscard]] std::uint64_t used() const {
    return streams_[0].size + streams_[1].size + index_size_;
  }

  void open_segment(std::uint64_t number) {
    const auto open = [&](std::string_view kind) {
      return base::sys::open(dir_ + "/" + segment_file(number, kind), O_RDWR | O_CREAT | O_NOFOLLOW,
                             0600);
    };
    // The index last: a segment counts from then on. All or nothing, for a full disk.
    base::Fd out = open("out");
    base::Fd err = open("err");
    base::Fd index = open("idx");
    const std::uint64_t out_size = size_of(out, dir_);
    const std::uint64_t err_size = size_of(err, dir_);
    // A record torn by a crash is written over.
    const std::uint64_t index_size = size_of(index, dir_) / kLogRecordSize * kLogRecordSize;
    LogRecord last{};
    if (index_size != 0 && ::pread(index.get(), &last, kLogRecordSize,
                                   static_cast<off_t>(index_size - kLogRecordSize)) !=
                               static_cast<ssize_t>(kLogRecordSize)) {
      base::throw_errno("pread", dir_);
    }
    streams_[0].file = std::move(out);
    streams_[1].file = std::move(err);
    index_ = std::move(index);
    streams_[0].size = out_size;
    streams_[1].size = err_size;
    index_size_ = index_size;
    last_ = last;
    number_ = number;
  }

  // Whether what the next rotation removes has been delivered.
  bool may_rotate() {
    if (derived_ == nullptr || number_ + 2 <= limits_.max_files) return true;
    return derived_->give_up_before(number_ + 2 - limits_.max_files);
  }

  // To nobody: the driver none. A terminal cannot be spliced on every kernel.
  static Moved drop(Stream& stream) {
    std::array<char, 16384> buffer;
    const ssize_t n = ::read(stream.source.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EIO) return {Moved::State::End, 0, 0};
    return moved(n);
  }

  void rotate() {
    open_segment(number_ + 1);
    prune_segments(dir_, limits_.max_files);
  }

  Loop& loop_;
  std::string container_;
  std::string dir_;
  LogLimits limits_;
  bool tty_;              // one stream, read as a terminal
  bool terminal_;         // one stream at all
  bool refused_ = false;  // said once until it works again
  std::array<Stream, 2> streams_;
  base::Fd index_;
  std::uint64_t index_size_ = 0;
  LogRecord last_;
  std::uint64_t number_ = 1;
  base::Fd through_;
  LogExport* derived_;
};

}  // namespace

struct LogMover::Impl {
  explicit Impl(Loop& loop_) : loop(loop_) {}
  Loop& loop;
  std::unordered_map<std::string, std::unique_ptr<LogExport>> exports;  // outlive their logs
  std::unordered_map<std::string, std::unique_ptr<Log>> logs;
};

LogMover::LogMover(Loop& loop) : impl_(std::make_unique<Impl>(loop)) {}
LogMover::~LogMover() = default;

void LogMover::attach(const std::string& container, LogStreams streams, const std::string& dir,
                      LogLimits limits, std::unique_ptr<LogExport> derived) {
  detach(container);
  LogExport* feeds = derived.get();
  if (derived) impl_->exports.emplace(container, std::move(derived));
  impl_->logs.emplace(container, std::make_unique<Log>(impl_->loop, container, std::move(streams),
                                                       dir, limits, feeds));
}

void LogMover::settle(const std::string& container) {
  if (const auto at = impl_->logs.find(container); at != impl_->logs.end()) {
    at->second->drain();
    if (at->second->is_terminal()) impl_->logs.erase(at);
  }
  if (const auto at = impl_->exports.find(container); at != impl_->exports.end()) {
    at->second->finish();
  }
}

void LogMover::detach(const std::string& container) {
  settle(container);
  impl_->logs.erase(container);
  impl_->exports.erase(container);
}

}  // namespace supervisor
