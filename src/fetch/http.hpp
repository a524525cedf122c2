// HttpLoop: many HTTP transfers on one thread (libcurl's multi interface), and timers beside them.
// One transfer is one request and its one answer: redirects, passwords and retries are not known
// here. Everything a server sends is bounded. Callbacks run inside run_until() only.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.hpp"

namespace fetch {

struct Tls {
  std::string ca_file;    // beside the system's authorities
  bool insecure = false;  // neither the certificate nor the name is checked
};

// What is sent with PUT, POST or PATCH: a text, or a part of a file.
struct HttpBody {
  std::string text;
  int fd = -1;
  std::uint64_t offset = 0, size = 0;  // of the file
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::optional<HttpBody> body;
  Tls tls;
  std::string authorization;  // value of the header; never shown
};

struct HttpResponse {
  unsigned status = 0;
  std::vector<std::pair<std::string, std::string>> headers;

  // The first header of that name (ASCII case does not matter), or empty.
  [[nodiscard]] std::string header(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;
};

// Why a transfer gave no whole answer.
struct HttpFailure {
  enum class Kind : std::uint8_t {
    Unreachable,  // no address, no connection
    Handshake,    // connected, but what answers speaks no TLS
    Certificate,  // the certificate was not accepted
    Broken,       // broke off, stalled or made no sense on the way
    Refused,      // by a bound of ours, or by on_body
  };
  Kind kind = Kind::Broken;
  std::string text;
};

struct HttpOutcome {
  HttpResponse response;  // also when the body broke off
  std::optional<HttpFailure> failure;
  std::exception_ptr thrown;  // by a callback
};

struct HttpCallbacks {
  // The final headers have come (not of 1xx); false ends the transfer (Refused).
  std::function<bool(const HttpResponse&)> on_response;
  std::function<bool(std::span<const std::byte>)> on_body;
  std::function<void(std::uint64_t)> on_sent;  // so many bytes of the body were taken
  std::function<void(HttpOutcome)> on_done;
};

struct HttpBounds {
  base::Duration connect = std::chrono::seconds(15);
  base::Duration stall = std::chrono::seconds(30);  // slower than 1 KiB/s for so long: given up
  base::Duration total = std::chrono::hours(6);     // of the loop, counted from its start
  std::size_t header_bytes = 64U << 10U;
};

class HttpLoop {
 public:
  explicit HttpLoop(HttpBounds bounds);
  ~HttpLoop();
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

  void start(HttpRequest request, HttpCallbacks callbacks);
  void after(base::Duration pause, std::function<void()> then);
  // Calls `then` whenever `fd` is readable, until clear(). At most one.
  void watch(int fd, std::function<void()> then);
  // Runs transfers and timers until `done` says so; what a callback's on_done throws comes out
  // here. Throws when nothing is left that could make it true.
  void run_until(const std::function<bool()>& done);
  // Ends every transfer and timer without a callback.
  void clear();

 private:
  struct Transfer;
  struct Impl;
  void finish_transfers();
  void fire_timers();
  [[nodiscard]] int wait_milliseconds() const;

  HttpBounds bounds_;
  base::Duration deadline_;
  std::unique_ptr<Impl> impl_;
  std::map<void*, std::unique_ptr<Transfer>> transfers_;
  std::multimap<base::Duration, std::function<void()>> timers_;
  int watched_ = -1;
  std::function<void()> on_watched_;
};

}  // namespace fetch
