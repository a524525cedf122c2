// The driver journald: each piece one datagram of the journal's native protocol, with docker's
// fields. Source: systemd's "Native Journal Protocol", https://systemd.io/JOURNAL_NATIVE_PROTOCOL.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/text.hpp"
#include "supervisor/log_sink.hpp"

namespace supervisor {

namespace {

constexpr const char* kJournalSocket = "/run/systemd/journal/socket";
constexpr base::Duration kJournalGone = std::chrono::seconds(1);

// A value with a newline, or any that may hold one, goes with its length.
void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  if (value.find('\n') == std::string_view::npos) {
    out += '=';
  } else {
    out += '\n';
    std::uint64_t length = value.size();
    for (int i = 0; i < 8; ++i, length >>= 8U) out += static_cast<char>(length & 0xFFU);
  }
  out += value;
  out += '\n';
}

// The journal takes capital letters, digits and _, not beginning with one that it reserves.
std::string field_name(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const bool small = c >= 'a' && c <= 'z';
    const bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    out += small ? static_cast<char>(c - 'a' + 'A') : kept ? c : '_';
  }
  const std::size_t begin = out.find_first_not_of("_0123456789");
  return begin == std::string::npos ? std::string() : out.substr(begin, 64);
}

class JournaldSink final : public LogSink {
 public:
  explicit JournaldSink(const SinkRequest& request) : request_(request) {}
  ~JournaldSink() override {
    let_go();
    request_.loop.remove(timer_);
  }
  JournaldSink(const JournaldSink&) = delete;
  JournaldSink& operator=(const JournaldSink&) = delete;

  Write write(const LogPiece& piece) override {
    if (!socket_ && !connect()) return later(kJournalGone);
    const std::string entry = journal_entry(piece, request_.subject);
    while (::send(socket_.get(), entry.data(), entry.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == ENOBUFS) return when_writable();
      complain();
      let_go();
      return later(kJournalGone);
    }
    failed_ = false;
    return Write::Taken;
  }

  bool settle(SinkState& /*state*/) override { return true; }

 private:
  bool connect() {
    socket_ = base::Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, kJournalSocket, sizeof(address.sun_path) - 1);
    if (socket_ && ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                             sizeof(address)) == 0) {
      return true;
    }
    complain();
    let_go();
    return false;
  }

  void complain() {
    const int error = errno;
    if (!std::exchange(failed_, true)) {
      request_.complain(base::cat(kJournalSocket, ": ", base::errno_text(error)));
    }
  }

  void let_go() {
    request_.loop.remove(std::exchange(watch_, 0));
    socket_.reset();
  }

  // The receiver's queue is full: the kernel tells when it has read some.
  Write when_writable() {
    if (watch_ == 0) {
      watch_ = request_.loop.watch(socket_.get(), EPOLLOUT, [this](std::uint32_t) {
        request_.loop.remove(std::exchange(watch_, 0));
        request_.ready();
      });
    }
    return Write::Later;
  }

  Write later(base::Duration delay) {
    if (timer_ == 0) {
      timer_ = request_.loop.after(delay, [this] {
        timer_ = 0;
        request_.ready();
      });
    }
    return Write::Later;
  }

  SinkRequest request_;
  base::Fd socket_;
  Loop::Id timer_ = 0, watch_ = 0;
  bool failed_ = false;
};

}  // namespace

std::string journal_entry(const LogPiece& piece, const LogSubject& subject) {
  using std::chrono::system_clock;
  const system_clock::time_point time(
      std::chrono::duration_cast<system_clock::duration>(std::chrono::nanoseconds(piece.time)));
  std::string out;
  append_field(out, "MESSAGE", piece.text);
  append_field(out, "PRIORITY", piece.err ? "3" : "6");
  append_field(out, "CONTAINER_ID", subject.container.substr(0, 12));
  append_field(out, "CONTAINER_ID_FULL", subject.container);
  append_field(out, "CONTAINER_NAME", subject.container);
  append_field(out, "CONTAINER_TAG", subject.tag);
  append_field(out, "SYSLOG_IDENTIFIER", subject.tag);
  append_field(out, "IMAGE_NAME", subject.image);
  append_field(out, "SYSLOG_TIMESTAMP", base::rfc3339(time));
  if (!piece.whole) append_field(out, "CONTAINER_PARTIAL_MESSAGE", "true");
  for (const auto& [name, value] : subject.extra) {
    if (const std::string field = field_name(name); !field.empty()) append_field(out, field, value);
  }
  return out;
}

std::unique_ptr<LogSink> make_journald_sink(const SinkRequest& request) {
  return std::make_unique<JournaldSink>(request);
}

}  // namespace supervisor
