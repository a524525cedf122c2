#include "supervisor/log_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "supervisor/log_index.hpp"

namespace supervisor {

namespace {

// A longer line is given in pieces, each `partial`: memory stays bounded whatever a container
// prints.
constexpr std::size_t kLongestLine = 256U << 10U;
constexpr std::size_t kWindow = 64U << 10U;

using Ends = std::array<std::uint64_t, 2>;  // out, err

// A file read through one buffer, for the pieces between two records are mostly small.
class Window {
 public:
  void open(base::Fd fd) {
    fd_ = std::move(fd);
    bytes_.clear();
  }
  // Bytes from `at`, at most up to `end`; empty when the file has none there.
  std::string_view view(std::uint64_t at, std::uint64_t end) {
    if (at < start_ || at >= start_ + bytes_.size()) {
      bytes_.resize(kWindow);
      start_ = at;
      ssize_t n = 0;
      do {
        n = ::pread(fd_.get(), bytes_.data(), bytes_.size(), static_cast<off_t>(at));
      } while (n < 0 && errno == EINTR);
      if (n < 0) base::throw_errno("pread", "a container's log");
      bytes_.resize(static_cast<std::size_t>(n));
    }
    const std::string_view rest =
        std::string_view(bytes_).substr(static_cast<std::size_t>(at - start_));
    return rest.substr(0, static_cast<std::size_t>(end - at));
  }
  [[nodiscard]] std::uint64_t size() const {
    struct stat info {};
    return ::fstat(fd_.get(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
  }
  [[nodiscard]] const base::Fd& fd() const { return fd_; }

 private:
  base::Fd fd_;
  std::string bytes_;
  std::uint64_t start_ = 0;
};

class Segment {
 public:
  // False when it is gone (rotated away) or its index cannot be seen.
  bool open(const std::string& dir, std::uint64_t number) {
    std::array<base::Fd, 3> fds;
    const std::array<std::string_view, 3> kinds{"idx", "out", "err"};
    for (std::size_t i = 0; i < fds.size(); ++i) {
      const std::string path = dir + "/" + segment_file(number, kinds[i]);
      const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
      if (fd < 0) {
        if (errno == ENOENT) return false;
        base::throw_errno("open", path);
      }
      fds[i] = base::Fd(fd);
    }
    index_ = std::move(fds[0]);
    data[0].open(std::move(fds[1]));
    data[1].open(std::move(fds[2]));
    records_.clear();
    first_ = 0;
    number_ = number;
    return true;
  }

  // Record `i`, or nothing (yet).
  const LogRecord* record(std::uint64_t i) {
    if (i < first_ || i >= first_ + records_.size()) {
      records_.resize(kBlock);
      ssize_t n = 0;
      do {
        n = ::pread(index_.get(), records_.data(), kBlock * kLogRecordSize,
                    static_cast<off_t>(i * kLogRecordSize));
      } while (n < 0 && errno == EINTR);
      records_.resize(n > 0 ? static_cast<std::size_t>(n) / kLogRecordSize : 0);
      first_ = i;
    }
    if (i >= first_ + records_.size()) return nullptr;
    return &records_[static_cast<std::size_t>(i - first_)];
  }
  // Loads the block that ends with record `i`, for reading backwards.
  void preload_before(std::uint64_t i) {
    if (i >= first_ && i < first_ + records_.size()) return;
    (void)record(i + 1 > kBlock ? i + 1 - kBlock : 0);
  }
  [[nodiscard]] std::uint64_t records() const {
    struct stat info {};
    if (::fstat(index_.get(), &info) != 0) return 0;
    return static_cast<std::uint64_t>(info.st_size) / kLogRecordSize;
  }
  [[nodiscard]] Ends sizes() const { return {data[0].size(), data[1].size()}; }
  [[nodiscard]] bool removed() const {
    struct stat info {};
    return ::fstat(index_.get(), &info) != 0 || info.st_nlink == 0;
  }
  // When the data files changed last: for bytes whose records a power cut took.
  [[nodiscard]] std::int64_t changed() const {
    std::int64_t latest = 0;
    for (const Window& window : data) {
      struct stat info {};
      if (::fstat(window.fd().get(), &info) != 0) continue;
      latest = std::max(latest, static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 +
                                    info.st_mtim.tv_nsec);
    }
    return latest;
  }
  [[nodiscard]] bool is_open() const { return index_.valid(); }
  [[nodiscard]] std::uint64_t number() const { return number_; }

  std::array<Window, 2> data;

 private:
  static constexpr std::size_t kBlock = 256;
  base::Fd index_;
  std::vector<LogRecord> records_;
  std::uint64_t first_ = 0;
  std::uint64_t number_ = 0;
};

std::uint64_t count_newlines(Window& window, std::uint64_t from, std::uint64_t to) {
  std::uint64_t lines = 0;
  while (from < to) {
    const std::string_view piece = window.view(from, to);
    if (piece.empty()) break;
    lines += static_cast<std::uint64_t>(std::count(piece.begin(), piece.end(), '\n'));
    from += piece.size();
  }
  return lines;
}

}  // namespace

struct LogReader::Impl {
  explicit Impl(std::string path_) : path(std::move(path_)) { enter_folder(); }

  struct Carry {
    std::string text;       // of a line whose end has not come
    std::int64_t time = 0;  // when its first byte came
    bool drop = false;      // started in the middle of a line: up to its end nothing is given
  };

  std::string path;
  // The folder as it is when it is first seen, and a name for it: what is at `path` later may be
  // the log of the container that came in this one's place.
  base::Fd folder;
  std::string dir;
  Segment segment;
  std::uint64_t at = 0;  // the record being read
  Ends pos{};            // read so far of both files
  std::array<Carry, 2> carry;
  std::deque<LogLine> ready;  // pieces of lines whose rest has been removed

  void enter_folder() {
    if (folder) return;
    folder = base::Fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (folder) dir = base::cat("/proc/self/fd/", folder.get());
  }

  std::optional<LogLine> take(std::size_t stream, bool partial) {
    Carry& c = carry[stream];
    LogLine line;
    line.time = std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(
            std::chrono::nanoseconds(c.time)));
    line.err = stream == 1;
    line.partial = partial;
    line.text = std::exchange(c.text, {});
    return line;
  }

  // Reads what record `at` covers of one stream, up to `end`, until a line is complete.
  std::optional<LogLine> read_stream(std::size_t stream, std::uint64_t end, std::int64_t time) {
    Carry& c = carry[stream];
    while (pos[stream] < end) {
      const std::string_view piece = segment.data[stream].view(pos[stream], end);
      if (piece.empty()) break;
      const std::size_t newline = piece.find('\n');
      const std::size_t length = newline == std::string_view::npos ? piece.size() : newline;
      if (c.drop) {
        pos[stream] += length;
        if (newline != std::string_view::npos) {
          c.drop = false;
          ++pos[stream];
        }
        continue;
      }
      if (c.text.empty()) c.time = time;
      const std::size_t room = kLongestLine - std::min(kLongestLine, c.text.size());
      c.text.append(piece.substr(0, std::min(length, room)));
      if (length > room) {
        pos[stream] += room;
        return take(stream, true);
      }
      pos[stream] += length;
      if (newline != std::string_view::npos) {
        ++pos[stream];
        return take(stream, false);
      }
    }
    return {};
  }

  void enter(std::uint64_t record, Ends start) {
    at = record;
    pos = start;
  }

  // Opens the next segment when the one at hand is at its end. False: nothing new.
  bool advance() {
    if (!segment.is_open()) {
      enter_folder();
      if (!folder) return false;
      for (const std::uint64_t number : list_segments(dir)) {
        if (segment.open(dir, number)) {
          enter(0, {});
          return true;
        }
      }
      return false;
    }
    const std::uint64_t current = segment.number();
    if (Segment next; next.open(dir, current + 1)) {
      // It came after everything in this one, but maybe after we last looked here.
      if (more_here()) return true;
      segment = std::move(next);
      enter(0, {});
      return true;
    }
    if (!segment.removed()) return false;
    // Removed under our feet: go on with what is left; the rest of an unfinished line is gone.
    const std::vector<std::uint64_t> numbers = list_segments(dir);
    auto from = std::upper_bound(numbers.begin(), numbers.end(), current);
    if (from == numbers.end()) from = numbers.begin();  // the log was begun anew
    for (; from != numbers.end(); ++from) {
      Segment next;
      if (!next.open(dir, *from)) continue;
      flush();
      segment = std::move(next);
      enter(0, {});
      return true;
    }
    return false;
  }

  void flush() {
    for (std::size_t stream = 0; stream < carry.size(); ++stream) {
      carry[stream].drop = false;
      if (!carry[stream].text.empty()) ready.push_back(*take(stream, true));
    }
  }

  [[nodiscard]] bool more_here() {
    const Ends sizes = segment.sizes();
    return segment.record(at + 1) != nullptr || sizes[0] > pos[0] || sizes[1] > pos[1];
  }

  std::optional<LogLine> next() {
    for (;;) {
      if (!ready.empty()) {
        LogLine line = std::move(ready.front());
        ready.pop_front();
        return line;
      }
      if (!segment.is_open()) {
        if (!advance()) return {};
        continue;
      }
      // The sizes before the index: bytes seen here then have their record there.
      Ends ends = segment.sizes();
      const LogRecord* following = segment.record(at + 1);
      const bool last = following == nullptr;
      if (!last) ends = {following->out, following->err};
      const LogRecord* current = segment.record(at);
      const std::int64_t time = current != nullptr ? current->time : segment.changed();
      for (std::size_t stream = 0; stream < 2; ++stream) {
        if (auto line = read_stream(stream, ends[stream], time)) return line;
      }
      if (!last) {
        ++at;
        continue;
      }
      if (segment.record(at + 1) != nullptr) continue;
      if (!advance()) return {};
    }
  }

  std::optional<LogLine> unfinished() {
    for (std::size_t stream = 0; stream < carry.size(); ++stream) {
      if (!carry[stream].text.empty()) return take(stream, true);
    }
    return {};
  }

  // Where at least `lines` line ends lie behind. False: the log is shorter, start at its beginning.
  bool seek_back(std::uint64_t lines) {
    const std::vector<std::uint64_t> numbers = list_segments(dir);
    std::uint64_t seen = 0;
    for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
      Segment candidate;
      if (!candidate.open(dir, *number)) continue;
      Ends end = candidate.sizes();
      for (std::uint64_t i = candidate.records(); i-- > 0;) {
        candidate.preload_before(i);
        const LogRecord* record = candidate.record(i);
        if (record == nullptr) continue;
        // The first record stands for bytes before it too, should any have lost theirs.
        const Ends start = i == 0 ? Ends{} : Ends{record->out, record->err};
        for (std::size_t stream = 0; stream < 2; ++stream) {
          seen += count_newlines(candidate.data[stream], start[stream], end[stream]);
          end[stream] = std::min(end[stream], start[stream]);
        }
        if (seen < lines) continue;
        segment = std::move(candidate);
        enter(i, start);
        return true;
      }
    }
    return false;
  }

  // Reads forward and forgets; gives how many lines there were, unfinished ones included. Up to
  // what is there now: a container that prints without end is not chased.
  std::uint64_t count_forward() {
    const std::vector<std::uint64_t> numbers = list_segments(dir);
    Segment newest;
    Ends sizes{};
    if (!numbers.empty() && newest.open(dir, numbers.back())) sizes = newest.sizes();
    const auto passed = [&] {
      return segment.is_open() &&
             (segment.number() > newest.number() ||
              (segment.number() == newest.number() && pos[0] >= sizes[0] && pos[1] >= sizes[1]));
    };
    std::uint64_t lines = 0;
    while (!passed() && next()) ++lines;
    for (const Carry& c : carry) lines += c.text.empty() ? 0 : 1;
    return lines;
  }

  void start_over() {
    segment = Segment();
    enter(0, {});
    carry = {};
    ready.clear();
  }

  void tail(std::uint64_t lines) {
    enter_folder();
    if (!folder) return;
    start_over();
    // Up to two of the ends found belong to lines that began before, one a stream.
    const bool inside = seek_back(lines + 2);
    std::uint64_t number = 0;
    std::uint64_t record = 0;
    Ends start{};
    if (inside) {
      number = segment.number();
      record = at;
      start = pos;
      mark_dropped();
    }
    const std::uint64_t total = count_forward();
    const auto back = [&] {
      start_over();
      if (!inside) return;
      // Rotated away meanwhile: the beginning of what is left is later still.
      if (!segment.open(dir, number)) return;
      enter(record, start);
      mark_dropped();
    };
    back();
    for (std::uint64_t skip = total > lines ? total - lines : 0; skip > 0; --skip) {
      if (!next()) break;
    }
  }

  // In the middle of a line, as far as can be seen: a line of an earlier segment may go on here.
  void mark_dropped() {
    for (std::size_t stream = 0; stream < 2; ++stream) {
      if (pos[stream] == 0) {
        carry[stream].drop = continues_from_before(stream);
        continue;
      }
      const std::string_view before = segment.data[stream].view(pos[stream] - 1, pos[stream]);
      carry[stream].drop = before != "\n";
    }
  }

  // Whether the stream's last byte in the segments before is anything but a newline.
  [[nodiscard]] bool continues_from_before(std::size_t stream) const {
    const std::vector<std::uint64_t> numbers = list_segments(dir);
    for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
      if (*number >= segment.number()) continue;
      Segment before;
      if (!before.open(dir, *number)) return false;
      const std::uint64_t size = before.sizes()[stream];
      if (size == 0) continue;
      return before.data[stream].view(size - 1, size) != "\n";
    }
    return false;
  }
};

LogReader::LogReader(std::string path) : impl_(std::make_unique<Impl>(std::move(path))) {}
LogReader::~LogReader() = default;
LogReader::LogReader(LogReader&&) noexcept = default;
LogReader& LogReader::operator=(LogReader&&) noexcept = default;

void LogReader::tail(std::size_t lines) {
  impl_->tail(lines);
}

std::optional<LogLine> LogReader::next(bool accept_partial) {
  auto line = impl_->next();
  if (!line && accept_partial) line = impl_->unfinished();
  return line;
}

std::string LogReader::last_lines(const std::string& dir, std::size_t lines) {
  LogReader reader(dir);
  reader.tail(lines);
  std::string text;
  while (auto line = reader.next(true)) text += line->text + "\n";
  return text;
}

}  // namespace supervisor
