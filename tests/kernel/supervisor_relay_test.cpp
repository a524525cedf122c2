// Relay with real sockets on the loopback interface of the test's own network namespace.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "supervisor/relay.hpp"
#include "supervisor/relay_listener.hpp"

namespace supervisor {
namespace {

using netfab::Protocol;

Relay::Listen listen_on(Protocol protocol, std::uint16_t port, std::uint16_t target_port) {
  return {protocol, base::parse_ip("::1").value(), port, base::parse_ip("127.0.0.1").value(),
          target_port};
}

base::Fd connected(const char* address, std::uint16_t port, int type = SOCK_STREAM) {
  const SocketAddress to = socket_address(base::parse_ip(address).value(), port);
  base::Fd fd(::socket(to.storage.ss_family, type | SOCK_CLOEXEC, 0));
  const timeval limit{10, 0};
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(fd.get(), to.get(), to.length) != 0) base::throw_errno("connect", address);
  return fd;
}

base::Fd serving(std::uint16_t port, int type = SOCK_STREAM) {
  const SocketAddress at = socket_address(base::parse_ip("127.0.0.1").value(), port);
  base::Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const int on = 1;
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), at.get(), at.length) != 0) base::throw_errno("bind");
  if (type == SOCK_STREAM && ::listen(fd.get(), 64) != 0) base::throw_errno("listen");
  return fd;
}

std::string read_to_end(const base::Fd& fd) {
  std::string all;
  std::string piece(65536, '\0');
  ssize_t n = 0;
  while ((n = ::recv(fd.get(), piece.data(), piece.size(), 0)) > 0) {
    all.append(piece, 0, static_cast<std::size_t>(n));
  }
  return n == 0 ? all : all + "<broken>";
}

// The loop runs in a thread; what the test does to the relay is done inside the loop.
class RelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    std::tie(wake_out_, wake_in_) = base::sys::pipe(O_NONBLOCK);
    relay_ = std::make_unique<Relay>(loop_);
    loop_.watch(wake_out_.get(), EPOLLIN, [this](std::uint32_t) {
      char byte = 0;
      if (::read(wake_out_.get(), &byte, 1) == 1) work_();
      done_.store(true);
      done_.notify_all();
    });
    thread_ = std::thread([this] { loop_.run(); });
  }
  void TearDown() override {
    inside([this] {
      relay_.reset();
      loop_.stop();
    });
    thread_.join();
  }
  void inside(std::function<void()> work) {
    work_ = std::move(work);
    done_.store(false);
    ASSERT_EQ(::write(wake_in_.get(), "x", 1), 1);
    done_.wait(false);
  }
  std::vector<std::pair<Relay::Listen, int>> set(const std::vector<Relay::Listen>& wanted) {
    std::vector<std::pair<Relay::Listen, int>> failed;
    inside([&] { failed = relay_->set(wanted); });
    return failed;
  }

  Loop loop_;
  base::Fd wake_out_;
  base::Fd wake_in_;
  std::function<void()> work_;
  std::atomic<bool> done_{false};
  std::unique_ptr<Relay> relay_;
  std::thread thread_;
};

TEST_F(RelayTest, CarriesBothWaysWithHalfClose) {
  const base::Fd server = serving(7001);
  EXPECT_TRUE(set({listen_on(Protocol::Tcp, 8001, 7001)}).empty());
  const std::string request(8U << 20U, 'q');  // far more than any buffer on the way
  std::string seen;
  std::thread service([&] {
    const base::Fd c(::accept(server.get(), nullptr, nullptr));
    seen = read_to_end(c);
    const std::string answer(4U << 20U, 'a');
    base::sys::write_all(c.get(), answer, "answer");
  });
  const base::Fd c = connected("::1", 8001);
  base::sys::write_all(c.get(), request, "request");
  ASSERT_EQ(::shutdown(c.get(), SHUT_WR), 0);
  const std::string answer = read_to_end(c);
  service.join();
  EXPECT_EQ(seen.size(), request.size());
  EXPECT_EQ(answer, std::string(4U << 20U, 'a'));
}

TEST_F(RelayTest, SlowReaderHoldsUpTheSender) {
  const base::Fd server = serving(7002);
  EXPECT_TRUE(set({listen_on(Protocol::Tcp, 8002, 7002)}).empty());
  const base::Fd c = connected("::1", 8002);
  const base::Fd s(::accept(server.get(), nullptr, nullptr));
  ASSERT_EQ(::fcntl(s.get(), F_SETFL, O_NONBLOCK), 0);
  const std::string piece(65536, 'x');
  std::size_t sent = 0;
  pollfd writable{s.get(), POLLOUT, 0};
  while (sent < (256U << 20U) && ::poll(&writable, 1, 500) == 1) {
    const ssize_t n = ::send(s.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<std::size_t>(n);
  }
  EXPECT_LT(sent, 256U << 20U);
  ASSERT_EQ(::shutdown(s.get(), SHUT_WR), 0);
  EXPECT_EQ(read_to_end(c).size(), sent);
}

TEST_F(RelayTest, ManyConnectionsAndRefusal) {
  EXPECT_TRUE(set({listen_on(Protocol::Tcp, 8003, 7003)}).empty());
  {
    const base::Fd nobody = connected("::1", 8003);
    char byte = 0;
    EXPECT_LE(::recv(nobody.get(), &byte, 1, 0), 0);
  }
  const base::Fd server = serving(7003);
  std::thread echo([&] {
    for (int i = 0; i < 50; ++i) {
      const base::Fd c(::accept(server.get(), nullptr, nullptr));
      base::sys::write_all(c.get(), read_to_end(c), "echo");
    }
  });
  for (int i = 0; i < 50; ++i) {
    const base::Fd c = connected("::1", 8003);
    base::sys::write_all(c.get(), std::to_string(i), "echo");
    ASSERT_EQ(::shutdown(c.get(), SHUT_WR), 0);
    EXPECT_EQ(read_to_end(c), std::to_string(i));
  }
  echo.join();
}

TEST_F(RelayTest, KeepsWhatStaysAndNamesWhatFails) {
  const base::Fd server = serving(7004);
  const auto one = listen_on(Protocol::Tcp, 8004, 7004);
  const auto two = listen_on(Protocol::Tcp, 8005, 7004);
  EXPECT_TRUE(set({one}).empty());
  const base::Fd c = connected("::1", 8004);
  const base::Fd s(::accept(server.get(), nullptr, nullptr));

  const SocketAddress taken = socket_address(base::parse_ip("::1").value(), 8006);
  const base::Fd other(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(other.get(), taken.get(), taken.length), 0);
  ASSERT_EQ(::listen(other.get(), 1), 0);
  const auto three = listen_on(Protocol::Tcp, 8006, 7004);
  const auto failed = set({one, two, three});
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].first, three);
  EXPECT_EQ(failed[0].second, EADDRINUSE);
  (void)connected("::1", 8005);

  base::sys::write_all(c.get(), "still", "kept");
  char buffer[5] = {};
  EXPECT_EQ(::recv(s.get(), buffer, sizeof buffer, MSG_WAITALL), 5);

  // The port leads elsewhere: bound anew, old connections end.
  const base::Fd elsewhere = serving(7005);
  EXPECT_TRUE(set({listen_on(Protocol::Tcp, 8004, 7005)}).empty());
  EXPECT_LE(::recv(s.get(), buffer, sizeof buffer, 0), 0);
  (void)connected("::1", 8004);
  EXPECT_THROW((void)connected("::1", 8005), base::SysError);
}

TEST_F(RelayTest, DatagramsFindTheirWayBack) {
  const base::Fd server = serving(7006, SOCK_DGRAM);
  EXPECT_TRUE(set({listen_on(Protocol::Udp, 8007, 7006)}).empty());
  std::thread echo([&] {
    std::string buffer(65536, '\0');
    for (int i = 0; i < 600; ++i) {
      sockaddr_storage peer{};
      socklen_t length = sizeof peer;
      const ssize_t n = ::recvfrom(server.get(), buffer.data(), buffer.size(), 0,
                                   reinterpret_cast<sockaddr*>(&peer), &length);
      (void)::sendto(server.get(), buffer.data(), static_cast<std::size_t>(n), 0,
                     reinterpret_cast<sockaddr*>(&peer), length);
    }
  });
  // More clients than sessions are kept: the oldest give way, new ones are always served.
  std::vector<base::Fd> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(connected("::1", 8007, SOCK_DGRAM));
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const std::string text = std::to_string(i) + std::string(i == 7 ? 20'000 : 0, 'x');
      ASSERT_GT(::send(clients[i].get(), text.data(), text.size(), 0), 0);
      std::string got(65536, '\0');
      const ssize_t n = ::recv(clients[i].get(), got.data(), got.size(), 0);
      ASSERT_GT(n, 0);
      got.resize(static_cast<std::size_t>(n));
      EXPECT_EQ(got, text);
    }
  }
  echo.join();
}

}  // namespace
}  // namespace supervisor
