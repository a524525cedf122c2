#include "supervisor/log_export.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/sys.hpp"

namespace supervisor {

namespace {

constexpr std::uint64_t kExportMagic = 0x31676f6c6b617473;  // "staklog1"
// One noisy container must not hold up the others.
constexpr unsigned kPiecesARound = 2000;

struct DiskPosition {
  std::uint64_t magic = kExportMagic;
  std::uint64_t driver = 0;
  std::uint64_t segment[2] = {1, 1};
  std::uint64_t offset[2] = {0, 0};
  std::uint64_t size = 0, inode = 0;  // SinkState
  std::uint64_t dropped = 0;
};
static_assert(sizeof(DiskPosition) == 72);

std::string position_file(const std::string& dir) {
  return dir + "/position";
}

bool read_position(int fd, DiskPosition& out) {
  return ::pread(fd, &out, sizeof(out), 0) == static_cast<ssize_t>(sizeof(out)) &&
         out.magic == kExportMagic;
}

}  // namespace

LogExport::LogExport(ExportRequest request) : request_(std::move(request)) {
  base::sys::make_dirs(request_.dir, 0700);
  file_ = base::sys::open(position_file(request_.dir), O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  load_position();
  cursor_ = std::make_unique<LogCursor>(request_.dir, settled_);
  const SinkRequest sink{
      request_.loop,
      request_.work,
      request_.options,
      request_.subject,
      request_.file,
      [this] {
        stuck_ = false;
        moved();
      },
      [this] { cursor_ = std::make_unique<LogCursor>(request_.dir, settled_); },
      [this](const std::string& text) {
        base::log::warn(base::cat("log of ", request_.subject.container, ": ", text));
      }};
  switch (request_.options.driver) {
    case spec::LogDriver::JsonFile:
      sink_ = make_json_sink(sink, state_);
      break;
    case spec::LogDriver::Journald:
      sink_ = make_journald_sink(sink);
      break;
    case spec::LogDriver::Syslog:
      sink_ = make_syslog_sink(sink);
      break;
    case spec::LogDriver::Local:
    case spec::LogDriver::None:
      throw base::Error("a driver without a derived log");
  }
  moved();  // what came while nobody was there
}

LogExport::~LogExport() {
  request_.loop.remove(timer_);
}

// Without a position of this driver's: from the beginning of a new log, from the end of one that
// another driver had.
void LogExport::load_position() {
  DiskPosition disk;
  const auto driver = static_cast<std::uint64_t>(request_.options.driver);
  const bool found = read_position(file_.get(), disk);
  if (found) dropped_ = disk.dropped;
  if (found && disk.driver == driver) {
    for (std::size_t i = 0; i < settled_.size(); ++i) {
      settled_[i] = {disk.segment[i], disk.offset[i]};
    }
    state_ = {disk.size, disk.inode};
    return;
  }
  if (const auto segments = list_segments(request_.dir); !segments.empty()) {
    for (std::size_t i = 0; i < settled_.size(); ++i) {
      struct stat info {};
      const char* kind = i == 0 ? "out" : "err";
      const std::string path = request_.dir + "/" + segment_file(segments.back(), kind);
      if (::stat(path.c_str(), &info) != 0) continue;
      settled_[i] = {segments.back(), static_cast<std::uint64_t>(info.st_size)};
    }
  }
  write_position(state_);
}

void LogExport::write_position(const SinkState& state) {
  DiskPosition disk;
  disk.driver = static_cast<std::uint64_t>(request_.options.driver);
  for (std::size_t i = 0; i < settled_.size(); ++i) {
    disk.segment[i] = settled_[i].segment;
    disk.offset[i] = settled_[i].offset;
  }
  disk.size = state.size;
  disk.inode = state.inode;
  disk.dropped = dropped_;
  if (::pwrite(file_.get(), &disk, sizeof(disk), 0) != static_cast<ssize_t>(sizeof(disk)) &&
      !std::exchange(complained_, true)) {
    base::log::warn(base::cat("log of ", request_.subject.container, ": ", request_.dir, ": ",
                              base::errno_text(errno)));
  }
}

void LogExport::moved() {
  if (timer_ != 0 || stuck_) {
    if (stuck_) drop_surplus();
    return;
  }
  timer_ = request_.loop.soon([this] {
    timer_ = 0;
    pump(LogCursor::Rest::Waits, kPiecesARound);
    if (!stuck_ && cursor_->peek(LogCursor::Rest::Waits) != nullptr) moved();
  });
}

void LogExport::pump(LogCursor::Rest rest, unsigned most) {
  const auto settle = [&] {
    if (!unsettled_) return true;
    if (!sink_->settle(state_)) return false;
    unsettled_ = false;
    settled_ = cursor_->position();
    write_position(state_);
    return true;
  };
  for (unsigned i = 0; i < most && !stuck_;) {
    const LogPiece* piece = cursor_->peek(rest);
    if (piece == nullptr) break;
    switch (sink_->write(*piece)) {
      case LogSink::Write::Taken:
        cursor_->take();
        unsettled_ = true;
        ++i;
        break;
      case LogSink::Write::SettleFirst:
        unsettled_ = true;
        stuck_ = !settle();
        break;
      case LogSink::Write::Later:
        stuck_ = true;
        break;
    }
  }
  (void)settle();
  if (stuck_) drop_surplus();
}

// docker's ring: of a driver that does not block, so much waits and no more.
void LogExport::drop_surplus() {
  if (!request_.options.non_blocking) return;
  std::uint64_t behind = cursor_->behind();
  if (behind <= request_.options.max_buffer) return;
  while (behind > request_.options.max_buffer) {
    const LogPiece* piece = cursor_->peek(LogCursor::Rest::Waits);
    if (piece == nullptr) break;
    behind -= std::min<std::uint64_t>(behind, piece->text.size() + 1);
    if (piece->whole) ++dropped_;
    cursor_->take();
  }
  settled_ = cursor_->position();
  write_position(state_);
}

bool LogExport::give_up_before(std::uint64_t first) {
  while (!stuck_ && cursor_->oldest() < first) {
    if (cursor_->peek(LogCursor::Rest::Waits) == nullptr) break;
    pump(LogCursor::Rest::Waits, kPiecesARound);
  }
  if (cursor_->oldest() >= first) return true;
  if (!request_.options.non_blocking) return false;
  while (cursor_->oldest() < first) {
    const LogPiece* piece = cursor_->peek(LogCursor::Rest::Comes);
    if (piece == nullptr) break;
    if (piece->whole) ++dropped_;
    cursor_->take();
  }
  settled_ = cursor_->position();
  write_position(state_);
  return true;
}

void LogExport::finish() {
  constexpr unsigned kAll = 1'000'000;
  pump(LogCursor::Rest::Comes, kAll);
}

std::uint64_t dropped_lines(const std::string& dir) {
  const base::Fd fd(::open(position_file(dir).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  DiskPosition disk;
  return fd && read_position(fd.get(), disk) ? disk.dropped : 0;
}

std::unique_ptr<LogExport> make_log_export(ExportRequest request) {
  switch (request.options.driver) {
    case spec::LogDriver::Local:
    case spec::LogDriver::None:
      return nullptr;
    case spec::LogDriver::JsonFile:
    case spec::LogDriver::Journald:
    case spec::LogDriver::Syslog:
      break;
  }
  return std::make_unique<LogExport>(std::move(request));
}

}  // namespace supervisor
