// The driver json-file: docker's lines in a file beside the raw log, rotated as docker does (NAME,
// NAME.1, ...). Each line once, whatever dies: the size that the written position knows is what
// counts, and what lies behind it is written again, the same bytes.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "supervisor/log_sink.hpp"

namespace supervisor {

namespace {

void append_escape(std::string& out, unsigned char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u00";
  out += kHex[c >> 4U];
  out += kHex[c & 15U];
}

// How many bytes of valid UTF-8 begin here; 0: none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char c = byte(0);
  const std::size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
  if (c < 0xC2 || c > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  }
  if ((c == 0xE0 && byte(1) < 0xA0) || (c == 0xED && byte(1) > 0x9F)) return 0;
  if ((c == 0xF0 && byte(1) < 0x90) || (c == 0xF4 && byte(1) > 0x8F)) return 0;
  return length;
}

// As docker's jsonlog writes strings: < > & and all control characters but \n and \r as \u00XX.
void append_json(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      ++i;
      if (c == '\\' || c == '"') {
        out += '\\';
        out += static_cast<char>(c);
      } else if (c == '\n') {
        out += "\\n";
      } else if (c == '\r') {
        out += "\\r";
      } else if (c < 0x20 || c == '<' || c == '>' || c == '&') {
        append_escape(out, c);
      } else {
        out += static_cast<char>(c);
      }
      continue;
    }
    const std::size_t length = utf8_length(text.substr(i));
    const std::string_view piece = text.substr(i, length);
    if (length == 0) {
      out += "\\ufffd";
      ++i;
      continue;
    }
    if (piece == "\xE2\x80\xA8" || piece == "\xE2\x80\xA9") {
      out += piece == "\xE2\x80\xA8" ? "\\u2028" : "\\u2029";
    } else {
      out += piece;
    }
    i += length;
  }
  out += '"';
}

// Go's RFC3339Nano: no zeros at the end.
std::string short_time(std::int64_t ns) {
  using std::chrono::system_clock;
  std::string out = base::rfc3339(system_clock::time_point(
      std::chrono::duration_cast<system_clock::duration>(std::chrono::nanoseconds(ns))));
  const std::size_t z = out.find('Z');
  if (z == std::string::npos || out.find('.') == std::string::npos) return out;
  std::size_t end = z;
  while (end > 0 && out[end - 1] == '0') --end;
  if (end > 0 && out[end - 1] == '.') --end;
  return out.erase(end, z - end);
}

std::string attrs_of(const std::map<std::string, std::string>& extra) {
  if (extra.empty()) return {};
  std::string out = "{";
  for (const auto& [name, value] : extra) {
    if (out.size() > 1) out += ',';
    append_json(out, name);
    out += ':';
    append_json(out, value);
  }
  return out + "}";
}

class JsonSink final : public LogSink {
 public:
  JsonSink(const SinkRequest& request, const SinkState& state)
      : request_(request),
        path_(request.file),
        limit_(request.options.max_size),
        files_(request.options.max_files) {
    std::map<std::string, std::string> extra = request.subject.extra;
    if (!request.options.tag.empty()) extra["tag"] = request.subject.tag;
    attrs_ = attrs_of(extra);
    open();
    // Killed between the making of a new file and the position that says so: nothing in it counts.
    size_ = inode_ == state.inode && state.size <= found_ ? state.size : 0;
    if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) {
      base::throw_errno("ftruncate", path_);
    }
  }

  ~JsonSink() override { request_.loop.remove(timer_); }
  JsonSink(const JsonSink&) = delete;
  JsonSink& operator=(const JsonSink&) = delete;

  // The line that reaches the limit is the last of its file. Between two files nothing is
  // unsettled, so that a death there repeats nothing.
  Write write(const LogPiece& piece) override {
    if (size_ + text_.size() >= limit_) {
      if (!text_.empty()) return Write::SettleFirst;
      if (!rotate()) return later();
    }
    text_ += json_log_line(piece, attrs_);
    return Write::Taken;
  }

  bool settle(SinkState& state) override {
    while (!text_.empty()) {
      const ssize_t n = ::pwrite(fd_.get(), text_.data(), text_.size(), static_cast<off_t>(size_));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        if (!std::exchange(failed_, true)) {
          request_.complain(base::cat(path_, ": ", base::errno_text(n < 0 ? errno : ENOSPC)));
        }
        (void)later();
        return false;
      }
      failed_ = false;
      size_ += static_cast<std::uint64_t>(n);
      text_.erase(0, static_cast<std::size_t>(n));
    }
    state = {size_, inode_};
    return true;
  }

 private:
  void open() {
    fd_ = base::sys::open(path_, O_RDWR | O_CREAT | O_NOFOLLOW, 0640);
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) base::throw_errno("fstat", path_);
    inode_ = info.st_ino;
    found_ = static_cast<std::uint64_t>(info.st_size);
  }

  // A full disk: tried again, and meanwhile nothing more is taken.
  Write later() {
    if (timer_ == 0) {
      timer_ = request_.loop.after(std::chrono::seconds(1), [this] {
        timer_ = 0;
        request_.ready();
      });
    }
    return Write::Later;
  }

  [[nodiscard]] std::string numbered(unsigned number) const {
    return number == 0 ? path_ : base::cat(path_, ".", number);
  }

  // From the first gap down, so that a death in the middle costs no file but the oldest.
  bool rotate() {
    unsigned gap = 1;
    while (gap + 1 < files_ && base::exists(numbered(gap))) ++gap;
    for (unsigned i = gap; i > 0; --i) {
      if (files_ > 1) (void)::rename(numbered(i - 1).c_str(), numbered(i).c_str());
    }
    if (files_ <= 1) (void)::unlink(path_.c_str());
    try {
      open();
    } catch (const base::SysError& error) {
      if (!std::exchange(failed_, true)) request_.complain(error.what());
      return false;
    }
    size_ = 0;
    return true;
  }

  SinkRequest request_;
  std::string path_, attrs_;
  std::string text_;  // taken, not yet in the file
  std::uint64_t limit_;
  unsigned files_;
  base::Fd fd_;
  std::uint64_t size_ = 0, inode_ = 0, found_ = 0;
  Loop::Id timer_ = 0;
  bool failed_ = false;
};

}  // namespace

std::string json_log_line(const LogPiece& piece, const std::string& attrs) {
  std::string out = "{\"log\":";
  append_json(out, piece.whole ? piece.text + "\n" : piece.text);
  out += piece.err ? ",\"stream\":\"stderr\"" : ",\"stream\":\"stdout\"";
  if (!attrs.empty()) out += base::cat(",\"attrs\":", attrs);
  return out + base::cat(",\"time\":\"", short_time(piece.time), "\"}\n");
}

std::unique_ptr<LogSink> make_json_sink(const SinkRequest& request, const SinkState& state) {
  return std::make_unique<JsonSink>(request, state);
}

}  // namespace supervisor
