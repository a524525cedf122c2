#include "netfab/netlink.hpp"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <new>

#include "base/crash_point.hpp"
#include "base/text.hpp"

namespace netfab {

namespace {

constexpr std::size_t kReceiveBuffer = 64UL << 10U;  // more than the kernel's largest dump part
constexpr int kDumpAttempts = 20;

std::string error_text(int errnum, std::string_view call, std::string_view object,
                       std::string_view kernel_text) {
  std::string out(call);
  if (!object.empty()) out += base::cat(" ", object);
  out += base::cat(": ", base::errno_text(errnum));
  if (!kernel_text.empty()) out += base::cat(" (", kernel_text, ")");
  return out;
}

Answer answer_of(const nlmsghdr& message) {
  const auto* error = static_cast<const nlmsgerr*>(nlmsg_data(&message));
  Answer out;
  out.errnum = -error->error;
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return out;
  std::size_t offset = sizeof(nlmsgerr);
  if ((message.nlmsg_flags & NLM_F_CAPPED) == 0) offset += error->msg.nlmsg_len - sizeof(nlmsghdr);
  const Attributes attributes(message, offset);
  out.text = attributes.text(NLMSGERR_ATTR_MSG);
  return out;
}

}  // namespace

NetlinkError::NetlinkError(int errnum, std::string_view call, std::string_view object,
                           std::string_view kernel_text, std::string hint)
    : Error(error_text(errnum, call, object, kernel_text),
            hint.empty() && errnum == EPERM ? "this needs root (CAP_NET_ADMIN)" : std::move(hint)),
      errnum_(errnum) {}

Message::Message(int type, int flags, std::size_t capacity) : message_(nlmsg_alloc_size(capacity)) {
  if (!message_ || nlmsg_put(message_.get(), NL_AUTO_PORT, 0, type, 0, flags) == nullptr) {
    throw std::bad_alloc();
  }
}

void Message::append(const void* data, std::size_t size) {
  // nlmsg_append's signature predates const.
  if (nlmsg_append(message_.get(), const_cast<void*>(data), size, NLMSG_ALIGNTO) < 0) {
    throw std::bad_alloc();
  }
}

void Message::put(int attribute, const void* data, std::size_t size) {
  if (nla_put(message_.get(), attribute, static_cast<int>(size), data) < 0) throw std::bad_alloc();
}

void Message::put_text(int attribute, const std::string& text) {
  put(attribute, text.c_str(), text.size() + 1);
}

void Message::put_be32(int attribute, std::uint32_t value) {
  put_u32(attribute, htonl(value));
}

void Message::put_address(int attribute, const base::IpAddress& address) {
  put(attribute, address.bytes.data(), address.size());
}

nlattr* Message::begin_nest(int attribute) {
  nlattr* start = nla_nest_start(message_.get(), attribute);
  if (start == nullptr) throw std::bad_alloc();
  start->nla_type |= NLA_F_NESTED;
  return start;
}

void Message::end_nest(nlattr* start) {
  nla_nest_end_keep_empty(message_.get(), start);
}

nlmsghdr* Message::raw() const {
  return nlmsg_hdr(message_.get());
}

NetlinkSocket::NetlinkSocket(int protocol)
    : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)),
      sequence_(1),
      buffer_(kReceiveBuffer) {
  if (!fd_) base::throw_errno("socket", "netlink");
  const int on = 1;
  // Both are comforts (the kernel's own words, short answers): 4.12 and newer.
  (void)::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  (void)::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    base::throw_errno("bind", "netlink socket");
  }
}

NetlinkSocket& NetlinkSocket::current(int protocol) {
  struct Kept {
    std::unique_ptr<NetlinkSocket> socket;
    ino_t netns = 0;
    pid_t pid = 0;  // a forked child must not mix its answers with its parent's
  };
  static thread_local std::map<int, Kept> all;
  struct stat here {};
  if (::stat("/proc/thread-self/ns/net", &here) < 0) {
    base::throw_errno("stat", "/proc/thread-self/ns/net");
  }
  Kept& kept = all[protocol];
  if (!kept.socket || kept.netns != here.st_ino || kept.pid != ::getpid()) {
    kept.socket = std::make_unique<NetlinkSocket>(protocol);
    kept.netns = here.st_ino;
    kept.pid = ::getpid();
  }
  return *kept.socket;
}

void NetlinkSocket::send(std::span<Message> messages, std::string_view object) {
  // What an earlier, failed exchange left unread would be taken for answers.
  while (receive(MSG_DONTWAIT)) {
  }
  std::vector<iovec> parts;
  parts.reserve(messages.size());
  std::size_t size = 0;
  for (Message& message : messages) {
    nlmsghdr* header = message.raw();
    header->nlmsg_seq = sequence_++;
    header->nlmsg_flags |= NLM_F_REQUEST;
    // The next message must start aligned; libnl's buffer has room for the padding.
    parts.push_back({header, NLMSG_ALIGN(header->nlmsg_len)});
    size += NLMSG_ALIGN(header->nlmsg_len);
  }
  const auto room = static_cast<int>(std::min<std::size_t>(size * 2 + 65536, 1UL << 29U));
  if (room > 200000) {
    // One transaction is one datagram; the default send buffer holds about two thousand ports.
    if (::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) < 0) {
      (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    }
  }
  if (messages.size() > 100) {
    const int answers = static_cast<int>(std::min<std::size_t>(messages.size() * 1024, 1UL << 26U));
    (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &answers, sizeof answers);
  }
  msghdr datagram{};
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  datagram.msg_name = &kernel;
  datagram.msg_namelen = sizeof kernel;
  datagram.msg_iov = parts.data();
  datagram.msg_iovlen = parts.size();
  if (parts.size() > 1000) {
    // Above the kernel's IOV_MAX of 1024 the datagram is made contiguous.
    std::vector<char> whole;
    whole.reserve(size);
    for (const iovec& part : parts) {
      const auto* bytes = static_cast<const char*>(part.iov_base);
      whole.insert(whole.end(), bytes, bytes + part.iov_len);
    }
    iovec one{whole.data(), whole.size()};
    datagram.msg_iov = &one;
    datagram.msg_iovlen = 1;
    if (::sendmsg(fd_.get(), &datagram, 0) < 0) throw NetlinkError(errno, "netlink send", object);
    return;
  }
  while (::sendmsg(fd_.get(), &datagram, 0) < 0) {
    if (errno != EINTR) throw NetlinkError(errno, "netlink send", object);
  }
}

bool NetlinkSocket::receive(int flags) {
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), buffer_.data(), buffer_.size(), flags | MSG_TRUNC);
    if (got >= 0) {
      if (static_cast<std::size_t>(got) > buffer_.size()) {
        throw NetlinkError(EMSGSIZE, "netlink receive", "answer");
      }
      received_ = static_cast<std::size_t>(got);
      return true;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN && (flags & MSG_DONTWAIT) != 0) return false;
    throw NetlinkError(errno, "netlink receive", "answer");
  }
}

std::vector<Answer> NetlinkSocket::request(std::span<Message> messages,
                                           const std::function<void(const nlmsghdr&)>& visit) {
  std::vector<Answer> answers(messages.size());
  if (messages.empty()) return answers;
  for (Message& message : messages) message.raw()->nlmsg_flags |= NLM_F_ACK;
  CRASH_POINT("netlink/", messages.front().raw()->nlmsg_type, "/before");
  send(messages, {});
  CRASH_POINT("netlink/", messages.front().raw()->nlmsg_type, "/after");
  const std::uint32_t first = messages.front().raw()->nlmsg_seq;
  std::size_t open = messages.size();
  while (open > 0) {
    (void)receive(0);
    auto left = static_cast<int>(received_);
    for (auto* at = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(at, left);
         at = nlmsg_next(at, &left)) {
      const std::uint32_t index = at->nlmsg_seq - first;
      if (index >= answers.size()) continue;
      if (at->nlmsg_type != NLMSG_ERROR) {
        if (visit && at->nlmsg_type >= NLMSG_MIN_TYPE) visit(*at);
        continue;
      }
      answers[index] = answer_of(*at);
      --open;
    }
  }
  return answers;
}

int NetlinkSocket::request_one(Message message, std::string_view call, std::string_view object,
                               std::initializer_list<int> accepted) {
  const std::vector<Answer> answers = request(std::span(&message, 1));
  const Answer& answer = answers.front();
  if (answer.errnum == 0 ||
      std::find(accepted.begin(), accepted.end(), answer.errnum) != accepted.end()) {
    return answer.errnum;
  }
  throw NetlinkError(answer.errnum, call, object, answer.text);
}

void NetlinkSocket::batch(std::span<Message> messages, std::string_view call,
                          std::string_view object) {
  CRASH_POINT("nft/before");
  send(messages, object);
  CRASH_POINT("nft/after");
  // The whole batch was carried out before sendmsg returned: what there is to say lies there
  // already.
  Answer worst;
  while (receive(MSG_DONTWAIT)) {
    auto left = static_cast<int>(received_);
    for (auto* at = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(at, left);
         at = nlmsg_next(at, &left)) {
      if (at->nlmsg_type != NLMSG_ERROR || worst.errnum != 0) continue;
      worst = answer_of(*at);
    }
  }
  if (worst.errnum != 0) throw NetlinkError(worst.errnum, call, object, worst.text);
}

void NetlinkSocket::dump(Message request, std::string_view call,
                         const std::function<void(const nlmsghdr&)>& visit) {
  request.raw()->nlmsg_flags |= NLM_F_DUMP;
  std::vector<std::vector<char>> parts;
  for (int attempt = 0;; ++attempt) {
    parts.clear();
    send(std::span(&request, 1), call);
    const std::uint32_t sequence = request.raw()->nlmsg_seq;
    bool interrupted = false;
    bool done = false;
    while (!done) {
      (void)receive(0);
      auto left = static_cast<int>(received_);
      for (auto* at = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(at, left);
           at = nlmsg_next(at, &left)) {
        if (at->nlmsg_seq != sequence) continue;
        if ((at->nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted = true;
        if (at->nlmsg_type == NLMSG_DONE) {
          done = true;
          // A dump that fails late says so in its last message.
          if (at->nlmsg_len >= NLMSG_LENGTH(sizeof(int))) {
            const int status = *static_cast<const int*>(nlmsg_data(at));
            if (status == -EINTR) interrupted = true;
            if (status < 0 && status != -EINTR) throw NetlinkError(-status, call, {});
          }
        } else if (at->nlmsg_type == NLMSG_ERROR) {
          const Answer answer = answer_of(*at);
          if (answer.errnum == EINTR || answer.errnum == EAGAIN) {
            interrupted = true;
            done = true;
          } else if (answer.errnum != 0) {
            throw NetlinkError(answer.errnum, call, {}, answer.text);
          }
        }
      }
      parts.emplace_back(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(received_));
    }
    // On a machine that never rests the last look is as good as any.
    if (!interrupted || attempt >= kDumpAttempts) break;
  }
  for (std::vector<char>& part : parts) {
    auto left = static_cast<int>(part.size());
    for (auto* at = reinterpret_cast<nlmsghdr*>(part.data()); nlmsg_ok(at, left);
         at = nlmsg_next(at, &left)) {
      if (at->nlmsg_type >= NLMSG_MIN_TYPE) visit(*at);
    }
  }
}

Attributes::Attributes(const nlmsghdr& message, std::size_t header_size) {
  const auto header = static_cast<int>(header_size);
  if (message.nlmsg_len < NLMSG_LENGTH(header_size)) return;
  const int length = nlmsg_attrlen(&message, header);
  if (length > 0) parse(nlmsg_attrdata(&message, header), static_cast<std::size_t>(length));
}

Attributes::Attributes(const nlattr* nested) {
  if (nested == nullptr) return;
  parse(static_cast<const nlattr*>(nla_data(nested)), static_cast<std::size_t>(nla_len(nested)));
}

void Attributes::parse(const nlattr* head, std::size_t length) {
  auto left = static_cast<int>(length);
  for (const nlattr* at = head; nla_ok(at, left); at = nla_next(at, &left)) {
    const int type = nla_type(at);
    if (type >= 0 && type < kMost) table_[static_cast<std::size_t>(type)] = at;
  }
}

const nlattr* Attributes::operator[](int attribute) const {
  return attribute >= 0 && attribute < kMost ? table_[static_cast<std::size_t>(attribute)]
                                             : nullptr;
}

std::uint32_t Attributes::u32(int attribute, std::uint32_t fallback) const {
  const nlattr* at = (*this)[attribute];
  std::uint32_t value = fallback;
  if (at != nullptr && nla_len(at) >= 4) std::memcpy(&value, nla_data(at), 4);
  return value;
}

std::uint32_t Attributes::be32(int attribute, std::uint32_t fallback) const {
  return (*this)[attribute] == nullptr ? fallback : ntohl(u32(attribute));
}

std::uint16_t Attributes::be16(int attribute, std::uint16_t fallback) const {
  const nlattr* at = (*this)[attribute];
  if (at == nullptr || nla_len(at) < 2) return fallback;
  std::uint16_t value = 0;
  std::memcpy(&value, nla_data(at), 2);
  return ntohs(value);
}

std::uint8_t Attributes::u8(int attribute, std::uint8_t fallback) const {
  const nlattr* at = (*this)[attribute];
  return at == nullptr || nla_len(at) < 1 ? fallback
                                          : *static_cast<const std::uint8_t*>(nla_data(at));
}

std::string Attributes::text(int attribute) const {
  const nlattr* at = (*this)[attribute];
  if (at == nullptr) return {};
  const auto* bytes = static_cast<const char*>(nla_data(at));
  return {bytes, ::strnlen(bytes, static_cast<std::size_t>(nla_len(at)))};
}

std::optional<base::IpAddress> Attributes::address(int attribute) const {
  const nlattr* at = (*this)[attribute];
  if (at == nullptr || (nla_len(at) != 4 && nla_len(at) != 16)) return std::nullopt;
  return address_from(nla_data(at), static_cast<std::size_t>(nla_len(at)));
}

base::IpAddress address_from(const void* bytes, std::size_t size) {
  base::IpAddress out;
  out.family = size == 4 ? base::Family::V4 : base::Family::V6;
  std::memcpy(out.bytes.data(), bytes, std::min(size, out.bytes.size()));
  return out;
}

}  // namespace netfab
