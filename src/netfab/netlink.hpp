// Netlink: sockets, messages and errors, over libnl-3. Many requests go out in one sendmsg and
// their answers are collected after it, for the kernel handles them before sendmsg returns. Knows
// nothing of links, tables or ports; only netfab's own sources include this.
#pragma once

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/ip.hpp"

namespace netfab {

// "make link sv-1: File exists (RTNETLINK: ...)": call, object, errno and the kernel's own words.
class NetlinkError : public base::Error {
 public:
  NetlinkError(int errnum, std::string_view call, std::string_view object,
               std::string_view kernel_text = {}, std::string hint = {});
  [[nodiscard]] int errnum() const noexcept { return errnum_; }

 private:
  int errnum_;
};

template <auto fn>
struct Deleter {
  template <class T>
  void operator()(T* object) const noexcept {
    fn(object);
  }
};

// One request under construction. Throws std::bad_alloc when it outgrows its buffer (a bug).
class Message {
 public:
  Message(int type, int flags, std::size_t capacity = 2048);

  template <class Header>
  void header(const Header& value) {
    append(&value, sizeof value);
  }
  void append(const void* data, std::size_t size);
  void put(int attribute, const void* data, std::size_t size);
  void put_text(int attribute, const std::string& text);  // NUL-terminated
  void put_u8(int attribute, std::uint8_t value) { put(attribute, &value, sizeof value); }
  void put_u16(int attribute, std::uint16_t value) { put(attribute, &value, sizeof value); }
  void put_u32(int attribute, std::uint32_t value) { put(attribute, &value, sizeof value); }
  void put_be32(int attribute, std::uint32_t value);
  void put_address(int attribute, const base::IpAddress& address);
  template <class Fill>
  void nest(int attribute, Fill&& fill) {
    nlattr* start = begin_nest(attribute);
    fill();
    end_nest(start);
  }
  [[nodiscard]] nlattr* begin_nest(int attribute);
  void end_nest(nlattr* start);
  [[nodiscard]] nlmsghdr* raw() const;

 private:
  std::unique_ptr<nl_msg, Deleter<nlmsg_free>> message_;
};

// What the kernel said to one request; errnum 0: done.
struct Answer {
  int errnum = 0;
  std::string text;
};

class NetlinkSocket {
 public:
  // In the calling thread's network namespace.
  explicit NetlinkSocket(int protocol);
  // One kept per thread and protocol while the thread stays in the same network namespace: closing
  // a netfilter socket may wait for an RCU grace period. Invalid after the next call of `current`.
  static NetlinkSocket& current(int protocol);

  // Sends all in one call and waits for each one's answer, in the order of `messages`. `visit` gets
  // what the kernel sends besides (of requests that get one object).
  std::vector<Answer> request(std::span<Message> messages,
                              const std::function<void(const nlmsghdr&)>& visit = {});
  // One request; throws NetlinkError unless it succeeds or fails with one of `accepted`. Returns
  // the errno.
  int request_one(Message message, std::string_view call, std::string_view object,
                  std::initializer_list<int> accepted = {});
  // Sends an nf_tables batch; throws the first real error.
  void batch(std::span<Message> messages, std::string_view call, std::string_view object);
  // Runs a dump to its end (again when it was interrupted by a change), then hands over each
  // message.
  void dump(Message request, std::string_view call,
            const std::function<void(const nlmsghdr&)>& visit);
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  void send(std::span<Message> messages, std::string_view object);
  // Nothing more to read without waiting: false.
  bool receive(int flags);

  base::Fd fd_;
  std::uint32_t sequence_;
  std::vector<char> buffer_;
  std::size_t received_ = 0;
};

// Attributes of a received message by number; absent ones are null.
class Attributes {
 public:
  Attributes(const nlmsghdr& message, std::size_t header_size);
  explicit Attributes(const nlattr* nested);
  [[nodiscard]] const nlattr* operator[](int attribute) const;
  [[nodiscard]] std::uint32_t u32(int attribute, std::uint32_t fallback = 0) const;
  [[nodiscard]] std::uint32_t be32(int attribute, std::uint32_t fallback = 0) const;
  [[nodiscard]] std::uint16_t be16(int attribute, std::uint16_t fallback = 0) const;
  [[nodiscard]] std::uint8_t u8(int attribute, std::uint8_t fallback = 0) const;
  [[nodiscard]] std::string text(int attribute) const;
  [[nodiscard]] std::optional<base::IpAddress> address(int attribute) const;

 private:
  void parse(const nlattr* head, std::size_t length);
  static constexpr int kMost = 64;
  std::array<const nlattr*, kMost> table_{};
};

// The family's header, which follows the netlink header.
template <class Header>
const Header& header_of(const nlmsghdr& message) {
  return *static_cast<const Header*>(nlmsg_data(&message));
}

base::IpAddress address_from(const void* bytes, std::size_t size);

}  // namespace netfab
