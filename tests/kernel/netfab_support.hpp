// A small internet for the kernel tests of netfab: a host and a neighbour, each a network namespace
// of its own joined by a veth pair, and real sockets in any of them. Everything goes with the
// fixture.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/ip.hpp"
#include "base/text.hpp"
#include "netfab/links.hpp"
#include "netfab/netns.hpp"
#include "netfab/ports.hpp"

namespace netfab_test {

using base::Cidr;
using base::IpAddress;
using netfab::Bridge;
using netfab::Endpoint;
using netfab::Protocol;
using netfab::PublishedPort;

inline IpAddress ip(const std::string& text) {
  return base::parse_ip(text).value();
}
inline Cidr cidr(const std::string& text) {
  return base::parse_cidr(text).value();
}

// Runs a look-only or set-up tool; its exit status and output.
struct Ran {
  int status = 0;
  std::string out;
};
inline Ran run(const std::string& command) {
  Ran ran;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) return {127, "popen failed"};
  std::array<char, 4096> bytes{};
  while (std::fgets(bytes.data(), static_cast<int>(bytes.size()), pipe) != nullptr) {
    ran.out += bytes.data();
  }
  ran.status = ::pclose(pipe);
  return ran;
}
inline void must(const std::string& command) {
  const Ran ran = run(command);
  ASSERT_EQ(ran.status, 0) << command << "\n" << ran.out;
}

class Fixture : public ::testing::Test {
 protected:
  void SetUp() override {
    // Not after our pid: inside a pid namespace of one's own that is always the same.
    std::string made = std::filesystem::temp_directory_path() / "netfab-test-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    dir_ = made;
    std::filesystem::create_directories(dir_);
    host_ = make("host");
    neighbour_ = make("neighbour");
    in(host_, [&] {
      must("ip link add up0 type veth peer name up1 netns " + path("neighbour"));
      must(
          "ip addr add 192.0.2.1/24 dev up0 && ip addr add 2001:db8::1/64 dev up0 nodad && "
          "ip addr add fe80::1/64 dev up0 nodad && ip link set up0 up");
    });
    in(neighbour_, [&] {
      must(
          "ip addr add 192.0.2.2/24 dev up1 && ip addr add 2001:db8::2/64 dev up1 nodad && "
          "ip addr add fe80::2/64 dev up1 nodad && ip link set up1 up");
    });
    // Looking at a link makes its carrier count at once (see netfab::settle_link).
    in(host_, [&] { must("ip link show up0"); });
  }
  void TearDown() override {
    host_.reset();
    neighbour_.reset();
    for (const std::string& path : pinned_) netfab::remove_netns(path);
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }

  std::string path(const std::string& name) const { return (dir_ / name).string(); }
  base::Fd make(const std::string& name) {
    netfab::ensure_netns(path(name));
    pinned_.push_back(path(name));
    return netfab::open_netns(path(name));
  }
  static void in(const base::Fd& netns, const std::function<void()>& work) {
    netfab::in_netns(netns, work);
  }

  Bridge bridge(const std::string& tag, const std::vector<Cidr>& addresses, bool internal = false) {
    Bridge out;
    out.device = "st-" + tag;
    out.label = "project_" + tag;
    out.table = "stack-net-" + tag;
    out.addresses = addresses;
    out.internal = internal;
    return out;
  }
  // A container: its namespace, pinned, with one endpoint on the bridge.
  Endpoint endpoint(const std::string& name, const Bridge& on, const std::vector<Cidr>& addresses) {
    Endpoint out;
    out.device = "sv-" + name;
    out.label = "project/" + name + "/net";
    out.bridge = on.device;
    out.netns = path("c-" + name);
    out.inner_device = "eth0";
    out.addresses = addresses;
    if (!on.internal) {
      for (const Cidr& a : on.addresses) out.gateways.push_back(a.address);
    }
    return out;
  }
  base::Fd start(const Endpoint& e) {
    base::Fd fd = make("c-" + e.device.substr(3));
    in(host_, [&] { netfab::ensure_endpoint(e); });
    return fd;
  }

  std::filesystem::path dir_;
  std::vector<std::string> pinned_;
  base::Fd host_;
  base::Fd neighbour_;
};

struct Socket {
  base::Fd fd;
  int error = 0;
};

inline socklen_t fill(sockaddr_storage& out, const IpAddress& address, std::uint16_t port) {
  std::memset(&out, 0, sizeof out);
  if (address.is_v4()) {
    auto* in = reinterpret_cast<sockaddr_in*>(&out);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    std::memcpy(&in->sin_addr, address.bytes.data(), 4);
    return sizeof *in;
  }
  auto* in = reinterpret_cast<sockaddr_in6*>(&out);
  in->sin6_family = AF_INET6;
  in->sin6_port = htons(port);
  std::memcpy(&in->sin6_addr, address.bytes.data(), 16);
  return sizeof *in;
}

inline std::string name_of(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&address)->sin_addr, text.data(),
                text.size());
  } else {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr, text.data(),
                text.size());
  }
  return text.data();
}

// A server in a namespace that answers "NAME SOURCE" to whoever calls, in a child process.
class Server {
 public:
  Server(const base::Fd& netns, Protocol protocol, const IpAddress& at, std::uint16_t port,
         const std::string& name) {
    netfab::in_netns(netns, [&] {
      fd_.reset(::socket(at.is_v4() ? AF_INET : AF_INET6,
                         (protocol == Protocol::Tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
    });
    const int on = 1;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_storage address{};
    const socklen_t size = fill(address, at, port);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size), 0)
        << name << ": " << std::strerror(errno);
    if (protocol == Protocol::Tcp) {
      EXPECT_EQ(::listen(fd_.get(), 64), 0);
    }
    child_ = ::fork();
    if (child_ == 0) serve(protocol, name);
  }
  ~Server() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  [[noreturn]] void serve(Protocol protocol, const std::string& name) {
    for (;;) {
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      auto* where = reinterpret_cast<sockaddr*>(&from);
      if (protocol == Protocol::Tcp) {
        const base::Fd one(::accept4(fd_.get(), where, &size, SOCK_CLOEXEC));
        const std::string text = name + " " + name_of(from);
        (void)!::write(one.get(), text.data(), text.size());
      } else {
        std::array<char, 64> bytes{};
        if (::recvfrom(fd_.get(), bytes.data(), bytes.size(), 0, where, &size) < 0) continue;
        const std::string text = name + " " + name_of(from);
        (void)::sendto(fd_.get(), text.data(), text.size(), 0, where, size);
      }
    }
  }
  base::Fd fd_;
  pid_t child_ = -1;
};

struct CallOptions {
  int wait_ms = 3000;      // for what is expected to answer
  std::uint16_t from = 0;  // own port; 0: any
};
// What the server said; empty when nothing answered or the call was refused.
inline std::string call(const base::Fd& netns, Protocol protocol, const IpAddress& to,
                        std::uint16_t port, CallOptions options = {}) {
  base::Fd fd;
  netfab::in_netns(netns, [&] {
    fd.reset(::socket(
        to.is_v4() ? AF_INET : AF_INET6,
        (protocol == Protocol::Tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  });
  sockaddr_storage address{};
  if (options.from != 0) {
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    IpAddress any;
    any.family = to.family;
    const socklen_t own = fill(address, any, options.from);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), own) < 0) return "bind failed";
  }
  const socklen_t size = fill(address, to, port);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size) < 0 &&
      errno != EINPROGRESS) {
    return {};
  }
  if (protocol == Protocol::Udp && ::send(fd.get(), "?", 1, 0) < 0) return {};
  pollfd ready{fd.get(), POLLIN, 0};
  if (::poll(&ready, 1, options.wait_ms) <= 0) return {};
  std::array<char, 256> bytes{};
  const ssize_t got = ::recv(fd.get(), bytes.data(), bytes.size(), 0);
  return got <= 0 ? std::string() : std::string(bytes.data(), static_cast<std::size_t>(got));
}
// For what must not answer: long enough for a machine under load to show a leak.
constexpr CallOptions kBriefly{.wait_ms = 400};

}  // namespace netfab_test
