#include "fetch/unpack_server.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "fetch/sandbox.hpp"

namespace fetch {

namespace {

// One record; fixed size, so that it is written whole or not at all (PIPE_BUF).
struct Record {
  enum Kind : std::uint32_t { Progress = 1, Done = 2, Failed = 3, Implied = 4 } kind = Progress;
  std::uint32_t length = 0;  // of text
  std::uint64_t first = 0, second = 0;
  std::array<char, 4064> text{};  // a digest; message, newline, hint; a path
};
static_assert(sizeof(Record) <= 4096);
constexpr std::size_t kMostImplied = 100'000;

void send(int pipe, Record record, std::string_view text = {}) {
  record.length = static_cast<std::uint32_t>(std::min(text.size(), record.text.size()));
  text.copy(record.text.data(), record.length);
  while (::write(pipe, &record, sizeof(record)) < 0 && errno == EINTR) {
  }
}

[[noreturn]] void run_child(int blob, int folder, int pipe, int filter) {
  try {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    Hasher warm_up("sha256");  // what the library loads it loads while there are files
    base::Fd root = enter_sandbox({.root = folder, .filter = filter});
    std::uint64_t told = 0;
    UnpackRequest request;
    request.blob = blob;
    request.root = std::move(root);
    request.progress = [&](std::uint64_t consumed) {
      if (consumed < told + (1U << 20U)) return;
      told = consumed;
      send(pipe, {Record::Progress, 0, consumed, 0, {}});
    };
    const UnpackedLayer out = unpack_layer(std::move(request));
    for (const std::string& path : out.implied) send(pipe, {Record::Implied, 0, 0, 0, {}}, path);
    send(pipe, {Record::Done, 0, out.size, out.entries, {}}, out.diff_id.str());
  } catch (const base::Error& error) {
    send(pipe, {Record::Failed, 0, 0, 0, {}}, base::cat(error.what(), "\n", error.hint()));
  } catch (const std::bad_alloc&) {
    send(pipe, {Record::Failed, 0, 0, 0, {}}, "unpacking it takes more memory than is allowed\n");
  } catch (const std::exception& error) {
    send(pipe, {Record::Failed, 0, 0, 0, {}}, base::cat(error.what(), "\n"));
  }
  ::_exit(0);
}

[[noreturn]] void serve(base::Fd socket, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::prctl(PR_SET_NAME, "stack-unpack", 0, 0, 0);
  if (::getppid() != parent) ::_exit(0);
  std::signal(SIGCHLD, SIG_IGN);  // nobody waits for the children: their pipes tell
  std::signal(SIGINT, SIG_IGN);   // Ctrl-C is stack-image's to handle
  // Names are bytes, shown as UTF-8; libarchive converts them through the locale.
  std::setlocale(LC_CTYPE, "C.UTF-8");
  base::Fd filter;
  while (true) {
    const base::sys::Received got = base::sys::receive_with_fds(socket.get());
    if (got.eof || got.fds.size() != 3) ::_exit(0);
    if (!filter) filter = compile_filter();
    if (const pid_t child = ::fork(); child == 0) {
      socket.reset();  // the next one's descriptors are not this one's to take
      run_child(got.fds[0].get(), got.fds[1].get(), got.fds[2].get(), filter.get());
    } else if (child < 0) {
      send(got.fds[2].get(), {Record::Failed, 0, 0, 0, {}}, "cannot fork to unpack it\n");
    }
  }
}

std::unique_ptr<UnpackServer>& instance() {
  static std::unique_ptr<UnpackServer> server;
  return server;
}

}  // namespace

void UnpackServer::start() {
  auto [ours, theirs] = base::sys::socket_pair(SOCK_SEQPACKET);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) base::throw_errno("fork");
  if (pid == 0) {
    ours.reset();
    try {
      serve(std::move(theirs), parent);
    } catch (...) {
      ::_exit(1);
    }
  }
  std::unique_ptr<UnpackServer> made(new UnpackServer);
  made->socket_ = std::move(ours);
  made->pid_ = pid;
  instance() = std::move(made);
}

UnpackServer& UnpackServer::get() {
  if (!instance()) throw base::Error("the unpacking process was not started");
  return *instance();
}

UnpackServer::~UnpackServer() {
  socket_.reset();
  ::waitpid(pid_, nullptr, 0);
}

base::Fd UnpackServer::unpack(int blob, int folder) {
  auto [read_end, write_end] = base::sys::pipe();
  const std::array<int, 3> fds = {blob, folder, write_end.get()};
  base::sys::send_with_fds(socket_.get(), "unpack", fds);
  return std::move(read_end);
}

bool UnpackReport::read() {
  std::array<char, 16384> bytes{};
  const ssize_t got = ::read(pipe_.get(), bytes.data(), bytes.size());
  if (got < 0) {
    if (errno == EINTR || errno == EAGAIN) return true;
    base::throw_errno("read", "the unpacking process");
  }
  buffer_.append(bytes.data(), static_cast<std::size_t>(got));
  std::size_t at = 0;
  for (; buffer_.size() - at >= sizeof(Record); at += sizeof(Record)) {
    Record record;
    std::memcpy(&record, buffer_.data() + at, sizeof(record));
    const std::string text(record.text.data(),
                           std::min<std::size_t>(record.length, record.text.size()));
    if (record.kind == Record::Progress) {
      consumed_ = record.first;
    } else if (record.kind == Record::Done) {
      if (const auto digest = image::try_parse_digest(text))
        done_ = UnpackedLayer{*digest, record.first, record.second, {}};
    } else if (record.kind == Record::Implied && implied_.size() < kMostImplied) {
      implied_.push_back(text);
    } else if (record.kind == Record::Failed) {
      const std::size_t line = text.rfind('\n');
      error_ = text.substr(0, line);
      hint_ = line == std::string::npos ? "" : text.substr(line + 1);
    }
  }
  buffer_.erase(0, at);
  return got > 0;
}

UnpackedLayer UnpackReport::result() const {
  if (done_) {
    UnpackedLayer out = *done_;
    out.implied = implied_;
    return out;
  }
  if (!error_.empty()) throw base::Error(error_, hint_);
  throw base::Error("the process that unpacks it was killed", "is there enough memory?");
}

}  // namespace fetch
