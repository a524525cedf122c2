#include "supervisor/log_cursor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/files.hpp"
#include "base/text.hpp"

namespace supervisor {

namespace {

constexpr std::size_t kCursorWindow = 64U << 10U;
constexpr std::size_t kCursorRecords = 128;
constexpr std::array<std::string_view, 2> kKinds{"out", "err"};

ssize_t read_at(int fd, void* into, std::size_t size, std::uint64_t offset) {
  ssize_t n = 0;
  do {
    n = ::pread(fd, into, size, static_cast<off_t>(offset));
  } while (n < 0 && errno == EINTR);
  return std::max<ssize_t>(n, 0);
}

std::uint64_t file_size(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

}  // namespace

LogCursor::LogCursor(std::string dir, LogPosition from) : dir_(std::move(dir)) {
  for (std::size_t i = 0; i < streams_.size(); ++i) streams_[i].at = streams_[i].next = from[i];
}

bool LogCursor::exists(std::uint64_t segment) const {
  return base::exists(dir_ + "/" + segment_file(segment, "idx"));
}

bool LogCursor::open(std::size_t number, std::uint64_t segment) {
  Stream& stream = streams_[number];
  if (stream.open == segment) return true;
  const auto open_kind = [&](std::string_view kind) {
    const std::string path = dir_ + "/" + segment_file(segment, kind);
    return base::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  };
  base::Fd index = open_kind("idx");
  base::Fd data = open_kind(kKinds[number]);
  if (!index || !data) return false;
  stream.index = std::move(index);
  stream.data = std::move(data);
  stream.open = segment;
  stream.window.clear();
  stream.records.clear();
  stream.record = 0;
  return true;
}

// Bytes from `offset` on, as many as the window has; read again when it has none there.
std::string_view LogCursor::view(Stream& stream, std::uint64_t offset) {
  if (offset < stream.window_at || offset >= stream.window_at + stream.window.size()) {
    stream.window.resize(kCursorWindow);
    stream.window_at = offset;
    stream.window.resize(static_cast<std::size_t>(
        read_at(stream.data.get(), stream.window.data(), kCursorWindow, offset)));
  }
  return std::string_view(stream.window)
      .substr(static_cast<std::size_t>(offset - stream.window_at));
}

const LogRecord* LogCursor::record(Stream& stream, std::uint64_t i) {
  if (i < stream.records_at || i >= stream.records_at + stream.records.size()) {
    stream.records.resize(kCursorRecords);
    const auto n =
        static_cast<std::size_t>(read_at(stream.index.get(), stream.records.data(),
                                         kCursorRecords * kLogRecordSize, i * kLogRecordSize));
    stream.records.resize(n / kLogRecordSize);
    stream.records_at = i;
  }
  if (i >= stream.records_at + stream.records.size()) return nullptr;
  return &stream.records[static_cast<std::size_t>(i - stream.records_at)];
}

std::int64_t LogCursor::time_of(std::size_t number, const StreamPosition& at) {
  Stream& stream = streams_[number];
  const auto start = [&](const LogRecord& r) { return number == 0 ? r.out : r.err; };
  // The block may have been read when it had fewer records than now.
  if (stream.record + 1 >= stream.records_at + stream.records.size()) stream.records.clear();
  for (const LogRecord* next = record(stream, stream.record + 1);
       next != nullptr && start(*next) <= at.offset; next = record(stream, stream.record + 1)) {
    ++stream.record;
  }
  const LogRecord* found = record(stream, stream.record);
  return found == nullptr ? 0 : found->time;
}

void LogCursor::fill(std::size_t number, Rest rest) {
  Stream& stream = streams_[number];
  if (stream.head) return;
  if (!open(number, stream.at.segment)) {
    // Removed before it was read, or not there yet.
    const std::vector<std::uint64_t> segments = list_segments(dir_);
    if (segments.empty() || segments.front() <= stream.at.segment) return;
    lost_ += segments.front() - stream.at.segment;
    stream.at = {segments.front(), 0};
    stream.inside = false;
    if (!open(number, stream.at.segment)) return;
  }
  StreamPosition at = stream.at;
  std::optional<std::int64_t> time;
  LogPiece piece;
  bool ended = false;
  while (!ended && piece.text.size() < kLongestPiece) {
    // Asked first: what is in this segment then is all there will ever be.
    const bool last = !exists(at.segment + 1);
    const std::string_view bytes = view(stream, at.offset);
    if (bytes.empty()) {
      if (last || !open(number, at.segment + 1)) break;
      at = {at.segment + 1, 0};
      continue;
    }
    if (!time) time = time_of(number, at);
    const std::size_t room = kLongestPiece - piece.text.size();
    const std::size_t newline = bytes.substr(0, room + 1).find('\n');
    ended = newline != std::string_view::npos;
    const std::size_t length = ended ? newline : std::min(room, bytes.size());
    piece.text.append(bytes.substr(0, length));
    at.offset += length + (ended ? 1 : 0);
  }
  const bool nothing = !ended && piece.text.empty();
  if (nothing || (!ended && piece.text.size() < kLongestPiece && rest == Rest::Waits)) {
    // Segments that hold nothing more of this stream are done with.
    if (nothing) stream.at = at;
    (void)open(number, stream.at.segment);
    return;
  }
  piece.err = number == 1;
  piece.whole = ended;
  piece.first = !stream.inside;
  piece.time = time.value_or(0);
  stream.next = at;
  stream.head = std::move(piece);
}

const LogPiece* LogCursor::peek(Rest rest) {
  for (std::size_t i = 0; i < streams_.size(); ++i) fill(i, rest);
  const auto& [out, err] = streams_;
  if (!out.head && !err.head) return nullptr;
  chosen_ = !out.head || (err.head && err.head->time < out.head->time) ? 1 : 0;
  return &*streams_[chosen_].head;
}

void LogCursor::take() {
  Stream& stream = streams_[chosen_];
  stream.inside = !stream.head->whole;
  stream.at = stream.next;
  stream.head.reset();
}

LogPosition LogCursor::position() const {
  return {streams_[0].at, streams_[1].at};
}

std::uint64_t LogCursor::oldest() const {
  return std::min(streams_[0].at.segment, streams_[1].at.segment);
}

std::uint64_t LogCursor::behind() const {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const StreamPosition& at = streams_[i].at;
    for (std::uint64_t segment = at.segment; segment == at.segment || exists(segment); ++segment) {
      const std::uint64_t size = file_size(dir_ + "/" + segment_file(segment, kKinds[i]));
      out += size - std::min(size, segment == at.segment ? at.offset : 0);
    }
  }
  return out;
}

}  // namespace supervisor
