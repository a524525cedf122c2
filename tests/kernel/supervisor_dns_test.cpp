// Dns in real network namespaces: answers, forwarding, port 53 left free, refusal after its end.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <map>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "netfab/netns.hpp"
#include "supervisor/dns.hpp"
#include "supervisor/dns_message.hpp"

namespace supervisor {
namespace {

base::IpAddress ip(const char* text) {
  return base::parse_ip(text).value();
}

DnsBytes ask(const std::string& name, std::uint16_t type, std::uint16_t id = 7) {
  DnsBytes out{static_cast<std::uint8_t>(id >> 8U),
               static_cast<std::uint8_t>(id),
               1,
               0,
               0,
               1,
               0,
               0,
               0,
               0,
               0,
               0};
  for (const std::string& label : base::split(name, '.')) {
    out.push_back(static_cast<std::uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
  }
  out.insert(out.end(), {0, 0, static_cast<std::uint8_t>(type), 0, 1});
  return out;
}

base::Fd socket_to(int type, const char* address, std::uint16_t port, bool bind = false) {
  base::Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = ::inet_addr(address);
  const auto* generic = reinterpret_cast<const sockaddr*>(&a);
  const int on = 1;
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if ((bind ? ::bind(fd.get(), generic, sizeof a) : ::connect(fd.get(), generic, sizeof a)) != 0) {
    base::throw_errno(bind ? "bind" : "connect", address);
  }
  return fd;
}

DnsBytes frame(const DnsBytes& message) {
  DnsBytes out{static_cast<std::uint8_t>(message.size() >> 8U),
               static_cast<std::uint8_t>(message.size())};
  out.insert(out.end(), message.begin(), message.end());
  return out;
}

class DnsKernel : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/stack-dns-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    netns_ = dir_ + "/netns";
    netfab::ensure_netns(netns_);
    make_dns();
  }
  void TearDown() override {
    dns_.reset();
    netfab::remove_netns(netns_);
    base::remove_tree(dir_);
  }

  void make_dns() {
    dns_ = std::make_unique<Dns>(
        loop_,
        [this](const std::string& container, const std::string& name) {
          EXPECT_EQ(container, "web-1");
          const auto at = names_.find(name);
          return at == names_.end() ? std::vector<base::IpAddress>{} : at->second;
        },
        [](const std::string&, const base::IpAddress& a) {
          return a == ip("10.9.0.2") ? std::string("db-1.front") : std::string();
        });
  }
  void attach(bool forward = true, std::vector<std::string> upstream = {"127.0.0.1"}) {
    dns_->attach({"web-1", netns_, forward, std::move(upstream)});
  }
  base::Fd client(int type = SOCK_DGRAM) {
    base::Fd fd;
    netfab::in_netns(netfab::open_netns(netns_), [&] { fd = socket_to(type, "127.0.0.11", 53); });
    return fd;
  }
  // Runs the loop until `fd` has something to read, 10 s at most.
  void until_readable(int fd) {
    const Loop::Id deadline = loop_.after(std::chrono::seconds(10), [this] {
      ADD_FAILURE() << "no answer";
      stop();
    });
    const Loop::Id ready = loop_.watch(fd, EPOLLIN, [this](std::uint32_t) { stop(); });
    run();
    loop_.remove(deadline);
    loop_.remove(ready);
  }
  DnsBytes receive(const base::Fd& fd) {
    until_readable(fd.get());
    DnsBytes out(65537);
    const ssize_t n = ::recv(fd.get(), out.data(), out.size(), MSG_DONTWAIT);
    out.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return out;
  }
  DnsBytes exchange(const DnsBytes& query) {
    const base::Fd fd = client();
    EXPECT_EQ(::send(fd.get(), query.data(), query.size(), 0), static_cast<ssize_t>(query.size()));
    return receive(fd);
  }
  static std::vector<std::string> addresses(const DnsBytes& answer, std::size_t question,
                                            std::size_t size) {
    std::vector<std::string> out;
    std::size_t at = question;
    for (int i = 0; i < answer[7]; ++i, at += 12 + size) {
      base::IpAddress a;
      a.family = size == 4 ? base::Family::V4 : base::Family::V6;
      std::copy_n(answer.begin() + static_cast<std::ptrdiff_t>(at + 12), size, a.bytes.begin());
      out.push_back(a.str());
    }
    return out;
  }
  // A Loop that was stopped stays so; leaving it by an exception allows the next round.
  struct Left {};
  [[noreturn]] void stop() { throw Left{}; }
  void run() {
    try {
      loop_.run();
    } catch (const Left&) {
    }
  }

  // A name server outside, played by another process.
  class Server {
   public:
    // Answers each question with 192.0.2.1 by udp and 192.0.2.2 by tcp; "silent" never, "tc" with
    // TC, "forged" first with a wrong id, "fail" with SERVFAIL.
    explicit Server(const char* address) {
      const base::Fd udp = socket_to(SOCK_DGRAM, address, 53, true);
      const base::Fd tcp = socket_to(SOCK_STREAM, address, 53, true);
      if (::listen(tcp.get(), 8) != 0) base::throw_errno("listen");
      pid_ = ::fork();
      if (pid_ == 0) serve(udp.get(), tcp.get());
    }
    ~Server() {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

   private:
    static DnsBytes reply(const DnsBytes& message, const DnsQuery& q, const char* address) {
      DnsAnswer a;
      a.addresses = {ip(address)};
      a.ttl = 60;
      if (q.name == "fail") a = {DnsCode::ServFail, {}, {}, 0};
      DnsBytes out = build_dns_answer(message, q, a, 4096);
      if (q.name == "tc") out[2] |= 2U;
      return out;
    }
    [[noreturn]] static void serve(int udp, int tcp) {
      DnsBytes buffer(4096);
      for (;;) {
        std::array<pollfd, 2> fds{{{udp, POLLIN, 0}, {tcp, POLLIN, 0}}};
        ::poll(fds.data(), fds.size(), -1);
        if ((fds[0].revents & POLLIN) != 0) {
          sockaddr_in peer{};
          socklen_t length = sizeof peer;
          const ssize_t n = ::recvfrom(udp, buffer.data(), buffer.size(), 0,
                                       reinterpret_cast<sockaddr*>(&peer), &length);
          if (n <= 0) continue;
          const DnsBytes message(buffer.begin(), buffer.begin() + n);
          const DnsQuery q = parse_dns_query(message);
          if (q.name == "silent") continue;
          DnsBytes out = reply(message, q, "192.0.2.1");
          const auto send = [&] {
            (void)::sendto(udp, out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&peer),
                           length);
          };
          if (q.name == "forged") {
            set_dns_id(out, static_cast<std::uint16_t>(q.id + 1));
            send();
            set_dns_id(out, q.id);
          }
          send();
        }
        if ((fds[1].revents & POLLIN) != 0) {
          const base::Fd c(::accept(tcp, nullptr, nullptr));
          const ssize_t n = ::recv(c.get(), buffer.data(), buffer.size(), 0);
          if (n <= 2) continue;
          const DnsBytes message(buffer.begin() + 2, buffer.begin() + n);
          const DnsBytes out = frame(reply(message, parse_dns_query(message), "192.0.2.2"));
          (void)::send(c.get(), out.data(), 3, 0);  // in two pieces
          ::usleep(1000);
          (void)::send(c.get(), out.data() + 3, out.size() - 3, 0);
        }
      }
    }
    pid_t pid_ = -1;
  };

  std::string dir_;
  std::string netns_;
  Loop loop_;
  std::map<std::string, std::vector<base::IpAddress>> names_;
  std::unique_ptr<Dns> dns_;
};

TEST_F(DnsKernel, AnswersNamesOfOurs) {
  names_["db"] = {ip("10.9.0.2"), ip("fd00::2")};
  attach();
  const DnsBytes a = exchange(ask("dB", dns_type::kA));
  EXPECT_EQ(addresses(a, 12 + 4 + 4, 4), (std::vector<std::string>{"10.9.0.2"}));
  EXPECT_EQ(a[14], 'B');  // as asked
  EXPECT_EQ(addresses(exchange(ask("db", dns_type::kAaaa)), 20, 16),
            (std::vector<std::string>{"fd00::2"}));
  names_["db"] = {ip("10.9.0.3")};
  const DnsBytes none = exchange(ask("db", dns_type::kAaaa));
  EXPECT_EQ(dns_code(none), DnsCode::NoError);
  EXPECT_EQ(none[7], 0);
  const DnsBytes ptr = exchange(ask("2.0.9.10.in-addr.arpa", dns_type::kPtr));
  EXPECT_EQ(ptr[7], 1);
  EXPECT_NE(std::string(ptr.begin(), ptr.end()).find(std::string("\4db-1\5front\0", 12)),
            std::string::npos);
}

TEST_F(DnsKernel, ReplicasTakeTurns) {
  names_["web"] = {ip("10.9.0.1"), ip("10.9.0.2"), ip("10.9.0.3")};
  attach();
  std::map<std::string, int> first;
  for (int i = 0; i < 6; ++i) {
    const auto all = addresses(exchange(ask("web", dns_type::kA)), 21, 4);
    ASSERT_EQ(all.size(), 3U);
    ++first[all.front()];
    (void)exchange(ask("web", dns_type::kAaaa));  // resolvers ask both: the turn must not notice
  }
  EXPECT_EQ(first, (std::map<std::string, int>{{"10.9.0.1", 2}, {"10.9.0.2", 2}, {"10.9.0.3", 2}}));
}

TEST_F(DnsKernel, TcpAndManyReplicas) {
  for (std::uint32_t i = 1; i <= 100; ++i) {
    names_["web"].push_back(base::IpAddress::from_v4(0x0a090000 + i));
  }
  attach();
  EXPECT_NE(exchange(ask("web", dns_type::kA))[2] & 2U, 0U);  // TC: ask by tcp
  const base::Fd fd = client(SOCK_STREAM);
  DnsBytes both = frame(ask("web", dns_type::kA, 1));
  const DnsBytes second = frame(ask("web", dns_type::kA, 2));
  both.insert(both.end(), second.begin(), second.end());
  ASSERT_EQ(::send(fd.get(), both.data(), both.size(), 0), static_cast<ssize_t>(both.size()));
  DnsBytes got;
  while (got.size() < 2U * (2 + 21 + 1600) && !::testing::Test::HasFailure()) {
    const DnsBytes piece = receive(fd);
    got.insert(got.end(), piece.begin(), piece.end());
  }
  EXPECT_EQ(got.size(), 2U * (2 + 21 + 1600));
  EXPECT_EQ(got[3] + got[2 + 21 + 1600 + 3], 3);
}

TEST_F(DnsKernel, ForwardsTheRest) {
  const Server server("127.0.0.1");
  attach();
  const auto first = [](const DnsBytes& answer, std::size_t question) {
    const auto all = addresses(answer, question, 4);
    return all.empty() ? std::string() : all.front();
  };
  const DnsBytes a = exchange(ask("example.org", dns_type::kA, 0xbeef));
  EXPECT_EQ(first(a, 12 + 13 + 4), "192.0.2.1");
  EXPECT_EQ(dns_id(a), 0xbeef);
  EXPECT_EQ(first(exchange(ask("forged", dns_type::kA)), 24), "192.0.2.1");
  EXPECT_NE(exchange(ask("tc", dns_type::kA))[2] & 2U, 0U);
  EXPECT_EQ(dns_code(exchange(ask("fail", dns_type::kA))), DnsCode::ServFail);

  const base::Fd fd = client(SOCK_STREAM);
  const DnsBytes framed = frame(ask("example.org", dns_type::kA, 3));
  ASSERT_EQ(::send(fd.get(), framed.data(), framed.size(), 0), static_cast<ssize_t>(framed.size()));
  DnsBytes got;
  while (got.size() < 2 + 29 + 16 && !HasFailure()) {
    const DnsBytes piece = receive(fd);
    got.insert(got.end(), piece.begin(), piece.end());
  }
  got.erase(got.begin(), got.begin() + 2);
  EXPECT_EQ(first(got, 29), "192.0.2.2");
}

TEST_F(DnsKernel, NextServerWhenOneIsGone) {
  const Server server("127.0.0.3");
  attach(true, {"127.0.0.2", "127.0.0.3"});
  EXPECT_EQ(exchange(ask("example.org", dns_type::kA))[7], 1);
  attach(true, {"127.0.0.2"});
  EXPECT_EQ(dns_code(exchange(ask("example.org", dns_type::kA))), DnsCode::ServFail);
}

TEST_F(DnsKernel, SilentServerEndsInServFail) {
  const Server server("127.0.0.1");
  attach();
  EXPECT_EQ(dns_code(exchange(ask("silent", dns_type::kA))), DnsCode::ServFail);
}

TEST_F(DnsKernel, HostsResolvConfIsReadAgain) {
  const Server server("127.0.0.4");
  const std::string file = dir_ + "/resolv.conf";
  const base::Fd made = base::sys::open(file, O_WRONLY | O_CREAT, 0644);
  base::sys::write_all(made.get(), "nameserver 127.0.0.2\n", file);
  base::sys::mount(file, "/etc/resolv.conf", nullptr, MS_BIND);
  attach(true, {});
  EXPECT_EQ(dns_code(exchange(ask("example.org", dns_type::kA))), DnsCode::ServFail);
  base::sys::write_all(made.get(), "nameserver 127.0.0.4\n", file);
  EXPECT_EQ(exchange(ask("example.org", dns_type::kA))[7], 1);
  base::sys::unmount("/etc/resolv.conf", 0);
}

TEST_F(DnsKernel, NeverForwardedForInternalNetworks) {
  const Server server("127.0.0.1");
  names_["db"] = {ip("10.9.0.2")};
  attach(false);
  EXPECT_EQ(dns_code(exchange(ask("example.org", dns_type::kA))), DnsCode::NxDomain);
  EXPECT_EQ(exchange(ask("db", dns_type::kA))[7], 1);
  attach(true);  // a network was connected: the same sockets go on
  EXPECT_EQ(exchange(ask("example.org", dns_type::kA))[7], 1);
}

TEST_F(DnsKernel, LeavesPort53FreeAndRefusesAfterItsEnd) {
  names_["db"] = {ip("10.9.0.2")};
  attach();
  base::Fd own_udp;
  base::Fd own_tcp;
  netfab::in_netns(netfab::open_netns(netns_), [&] {
    own_udp = socket_to(SOCK_DGRAM, "0.0.0.0", 53, true);
    own_tcp = socket_to(SOCK_STREAM, "0.0.0.0", 53, true);
    ASSERT_EQ(::listen(own_tcp.get(), 1), 0);
  });
  EXPECT_EQ(exchange(ask("db", dns_type::kA))[7], 1);

  dns_.reset();
  const base::Fd fd = client();
  const DnsBytes query = ask("db", dns_type::kA);
  ASSERT_GT(::send(fd.get(), query.data(), query.size(), 0), 0);
  pollfd wait{fd.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&wait, 1, 10'000), 1);
  char byte = 0;
  EXPECT_EQ(::recv(fd.get(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
  EXPECT_THROW((void)client(SOCK_STREAM), base::SysError);

  // The next supervisor takes over with other ports.
  make_dns();
  attach();
  EXPECT_EQ(exchange(query)[7], 1);
}

TEST_F(DnsKernel, AttachHealsAFlushedTable) {
  names_["db"] = {ip("10.9.0.2")};
  attach();
  netfab::in_netns(netfab::open_netns(netns_),
                   [] { ASSERT_EQ(std::system("nft delete table ip stack-dns"), 0); });
  attach();
  EXPECT_EQ(exchange(ask("db", dns_type::kA))[7], 1);
  dns_->detach("web-1");
  dns_->detach("web-1");
}

TEST_F(DnsKernel, HostileBytes) {
  names_["db"] = {ip("10.9.0.2")};
  attach();
  DnsBytes two = ask("db", dns_type::kA);
  two[5] = 2;
  EXPECT_EQ(dns_code(exchange(two)), DnsCode::FormErr);
  const base::Fd udp = client();
  for (const DnsBytes& bytes : {DnsBytes{}, DnsBytes{1}, DnsBytes(4096, 0xff)}) {
    (void)::send(udp.get(), bytes.data(), bytes.size(), 0);
  }
  const base::Fd tcp = client(SOCK_STREAM);
  const DnsBytes huge{0xff, 0xff, 1, 2, 3};
  (void)::send(tcp.get(), huge.data(), huge.size(), 0);
  EXPECT_TRUE(receive(tcp).empty());  // hung up on
  EXPECT_EQ(exchange(ask("db", dns_type::kA))[7], 1);
}

TEST_F(DnsKernel, Dig) {
  if (std::system("command -v dig >/dev/null") != 0) GTEST_SKIP() << "no dig";
  names_["web"] = {ip("10.9.0.1")};
  attach();
  for (const char* options : {"", "+tcp"}) {
    const std::string out = dir_ + "/dig";
    const pid_t pid = ::fork();
    if (pid == 0) {
      netfab::in_netns(netfab::open_netns(netns_), [&] {
        const std::string command = base::cat("dig +short ", options, " @127.0.0.11 web A >", out);
        ::_exit(std::system(command.c_str()) == 0 ? 0 : 1);
      });
    }
    int status = 0;
    std::function<void()> poll = [&] {
      if (::waitpid(pid, &status, WNOHANG) == pid) return stop();
      loop_.after(std::chrono::milliseconds(5), poll);
    };
    loop_.soon(poll);
    run();
    EXPECT_EQ(status, 0);
    EXPECT_EQ(base::read_file(out), "10.9.0.1\n") << options;
  }
}

}  // namespace
}  // namespace supervisor
