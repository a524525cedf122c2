// The driver syslog: each piece a message in one of docker's formats, to the machine's own socket,
// a socket elsewhere, or a server over UDP or TCP. A stream's messages count once the kernel has
// taken them whole; on a broken connection what was on its way is sent again. Source: RFC 3164, RFC
// 5424; docker's syslog driver for names and layout.
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/text.hpp"
#include "supervisor/log_sink.hpp"

namespace supervisor {

namespace {

constexpr base::Duration kSyslogRetry = std::chrono::seconds(1);
constexpr base::Duration kLookUpDeadline = std::chrono::seconds(20);
constexpr std::size_t kSyslogAhead = 64U << 10U;  // of a stream, on its way

struct ServerAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

std::string to_bytes(const addrinfo& info) {
  return {reinterpret_cast<const char*>(info.ai_addr), info.ai_addrlen};
}

ServerAddress from_bytes(const std::string& bytes) {
  ServerAddress out;
  out.size = static_cast<socklen_t>(std::min(bytes.size(), sizeof(out.storage)));
  std::memcpy(&out.storage, bytes.data(), out.size);
  return out;
}

ServerAddress unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return from_bytes({reinterpret_cast<const char*>(&address), sizeof(address)});
}

// The first address of a name, as bytes of a sockaddr; throws base::Error. Blocks, unless
// `numeric`.
std::string look_up_host(const spec::SyslogOptions& options, int flags) {
  addrinfo hints{};
  hints.ai_flags = flags | AI_NUMERICSERV;
  hints.ai_socktype = options.transport == spec::SyslogTransport::Tcp ? SOCK_STREAM : SOCK_DGRAM;
  addrinfo* list = nullptr;
  const int error =
      ::getaddrinfo(options.host.c_str(), std::to_string(options.port).c_str(), &hints, &list);
  if (error != 0) throw base::Error(base::cat(options.host, ": ", ::gai_strerror(error)));
  std::string out = to_bytes(*list);
  ::freeaddrinfo(list);
  return out;
}

class SyslogSink final : public LogSink {
 public:
  explicit SyslogSink(const SinkRequest& request)
      : request_(request), options_(request.options.syslog) {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) == 0) sender_.host = name.data();
    sender_.pid = ::getpid();
  }
  ~SyslogSink() override {
    request_.loop.remove(timer_);
    request_.loop.remove(watch_);
  }
  SyslogSink(const SyslogSink&) = delete;
  SyslogSink& operator=(const SyslogSink&) = delete;

  Write write(const LogPiece& piece) override {
    if (!connected_) {
      begin();
      if (!connected_) return Write::Later;
    }
    std::string message = syslog_message(piece, options_, request_.subject.tag, sender_);
    if (!stream_) return send_datagram(message);
    if (out_.size() >= kSyslogAhead) flush();
    if (!connected_ || out_.size() >= kSyslogAhead) return Write::Later;
    out_ += message;
    return Write::Taken;
  }

  bool settle(SinkState& /*state*/) override {
    if (stream_ && connected_) flush();
    return out_.empty();
  }

 private:
  Write send_datagram(const std::string& message) {
    while (::send(socket_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == ENOBUFS) {
        if (watch_ == 0) {
          watch_ = request_.loop.watch(socket_.get(), EPOLLOUT, [this](std::uint32_t) {
            request_.loop.remove(std::exchange(watch_, 0));
            request_.ready();
          });
        }
        return Write::Later;
      }
      // UDP tells of an earlier datagram that nobody took; this one has not been sent.
      broke(errno);
      return Write::Later;
    }
    return Write::Taken;
  }

  void begin() {
    if (timer_ != 0 || watch_ != 0 || looking_) return;
    switch (options_.transport) {
      case spec::SyslogTransport::Local:
        connect_local();
        return;
      case spec::SyslogTransport::Unix:
        connect_to(unix_address(options_.host), SOCK_STREAM);
        return;
      case spec::SyslogTransport::UnixDatagram:
        connect_to(unix_address(options_.host), SOCK_DGRAM);
        return;
      case spec::SyslogTransport::Udp:
      case spec::SyslogTransport::Tcp:
        look_up();
        return;
    }
  }

  [[nodiscard]] int type() const {
    return options_.transport == spec::SyslogTransport::Tcp ? SOCK_STREAM : SOCK_DGRAM;
  }

  void look_up() {
    try {
      connect_to(from_bytes(look_up_host(options_, AI_NUMERICHOST)), type());
      return;
    } catch (const base::Error&) {
      // A name: asked for in a child, for the answer may take as long as it likes.
    }
    looking_ = true;
    // Somebody may have detached us before the answer comes.
    request_.work.ask([options = options_] { return look_up_host(options, 0); }, kLookUpDeadline,
                      [this, alive = std::weak_ptr<int>(alive_)](const ChildWork::Answer& answer) {
                        if (alive.expired()) return;
                        looking_ = false;
                        if (answer.error.empty()) {
                          connect_to(from_bytes(answer.text), type());
                        } else {
                          trouble(answer.error);
                        }
                        if (connected_) request_.ready();
                      });
  }

  void connect_local() {
    for (const char* path : {"/dev/log", "/var/run/syslog", "/var/run/log"}) {
      for (const int kind : {SOCK_DGRAM, SOCK_STREAM}) {
        if (try_connect(unix_address(path), kind) == 0) {
          connected(kind);
          return;
        }
      }
    }
    trouble("no syslog socket on this machine (/dev/log)");
  }

  int try_connect(const ServerAddress& address, int kind) {
    socket_ = base::Fd(::socket(address.storage.ss_family, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket_ && ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address.storage),
                             address.size) == 0) {
      return 0;
    }
    return errno;
  }

  void connect_to(const ServerAddress& address, int kind) {
    const int error = try_connect(address, kind);
    if (error == 0) {
      connected(kind);
    } else if (error == EINPROGRESS) {
      watch_ = request_.loop.watch(socket_.get(), EPOLLOUT, [this](std::uint32_t) {
        int failure = 0;
        socklen_t size = sizeof(failure);
        ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
        request_.loop.remove(std::exchange(watch_, 0));
        if (failure != 0) {
          broke(failure);
          return;
        }
        connected(SOCK_STREAM);
        request_.ready();
      });
    } else {
      broke(error);
    }
  }

  void connected(int kind) {
    connected_ = true;
    stream_ = kind == SOCK_STREAM;
    failed_ = false;
    if (!stream_) return;
    // Nothing is ever said to us: readable means that the other side has gone.
    watch_ = request_.loop.watch(socket_.get(), EPOLLRDHUP, [this](std::uint32_t events) {
      if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        broke(ECONNRESET);
        return;
      }
      flush();
      if (connected_ && out_.empty()) request_.ready();
    });
  }

  void flush() {
    while (!out_.empty()) {
      const ssize_t n =
          ::send(socket_.get(), out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno != EAGAIN) {
        broke(errno);
        return;
      }
      if (n < 0) break;
      out_.erase(0, static_cast<std::size_t>(n));
    }
    request_.loop.change(watch_, out_.empty() ? EPOLLRDHUP : EPOLLRDHUP | EPOLLOUT);
  }

  void broke(int error) { trouble(base::errno_text(error)); }

  void trouble(const std::string& text) {
    if (!std::exchange(failed_, true)) {
      request_.complain(base::cat("syslog", options_.host.empty() ? "" : " at ", options_.host,
                                  ": ", text, "; tried again until it can be reached"));
    }
    request_.loop.remove(std::exchange(watch_, 0));
    socket_.reset();
    connected_ = false;
    if (!out_.empty()) {
      out_.clear();
      request_.broken();
    }
    try_again();
  }

  void try_again() {
    if (timer_ != 0) return;
    timer_ = request_.loop.after(kSyslogRetry, [this] {
      timer_ = 0;
      request_.ready();
    });
  }

  SinkRequest request_;
  spec::SyslogOptions options_;
  SyslogSender sender_;
  base::Fd socket_;
  std::string out_;  // of a stream: taken, not yet the kernel's
  Loop::Id timer_ = 0, watch_ = 0;
  bool connected_ = false, stream_ = false, failed_ = false, looking_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

std::string formatted_time(std::int64_t ns, const char* format) {
  const auto seconds = static_cast<time_t>(ns / 1'000'000'000);
  tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 64> out{};
  const std::size_t n = std::strftime(out.data(), out.size(), format, &parts);
  return {out.data(), n};
}

// "2026-11-25T01:02:03+01:00", with microseconds when asked for.
std::string internet_time(std::int64_t ns, bool micro) {
  std::string out = formatted_time(ns, "%Y-%m-%dT%H:%M:%S");
  if (micro) {
    std::string digits = std::to_string(ns / 1000 % 1'000'000);
    out += '.' + std::string(6 - digits.size(), '0') + digits;
  }
  std::string zone = formatted_time(ns, "%z");
  if (zone.size() == 5) zone.insert(3, ":");
  return out + (zone == "+00:00" ? "Z" : zone);
}

}  // namespace

std::string syslog_message(const LogPiece& piece, const spec::SyslogOptions& options,
                           const std::string& tag, const SyslogSender& sender) {
  const std::string priority = base::cat("<", options.facility * 8 + (piece.err ? 3U : 6U), ">");
  const std::string from = base::cat(tag, "[", sender.pid, "]: ");
  switch (options.format) {
    case spec::SyslogFormat::Unix:
      return base::cat(priority, formatted_time(piece.time, "%b %e %H:%M:%S"), " ", from,
                       piece.text, "\n");
    case spec::SyslogFormat::Rfc3164:
      return base::cat(priority, formatted_time(piece.time, "%b %e %H:%M:%S"), " ", sender.host,
                       " ", from, piece.text, "\n");
    case spec::SyslogFormat::Rfc5424:
    case spec::SyslogFormat::Rfc5424Micro:
      break;
  }
  const bool micro = options.format == spec::SyslogFormat::Rfc5424Micro;
  return base::cat(priority, "1 ", internet_time(piece.time, micro), " ", sender.host, " ", tag,
                   " ", sender.pid, " ", tag, " - ", piece.text, "\n");
}

std::unique_ptr<LogSink> make_syslog_sink(const SinkRequest& request) {
  return std::make_unique<SyslogSink>(request);
}

}  // namespace supervisor
