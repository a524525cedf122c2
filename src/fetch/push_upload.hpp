// BlobUpload: one blob on its way to a registry: left out when it is there, mounted from another
// repository of the same registry when that has it, otherwise sent, in one piece or in parts. What
// breaks is begun anew.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "fetch/registry_exchange.hpp"
#include "image/descriptor.hpp"

namespace fetch {

class BlobUpload {
 public:
  enum class How : std::uint8_t { Exists, Mounted, Sent };
  struct Events {
    std::function<void(std::uint64_t)> on_bytes;
    std::function<void(const std::string&)> on_retry;
    std::function<void(How)> on_done;
    std::function<void(std::exception_ptr)> on_error;
  };
  struct Source {
    image::Descriptor blob;
    base::Fd file;                   // invalid: not here, so it can only exist there or be mounted
    std::vector<std::string> mount;  // repositories of the same registry that may have it
  };
  // `chunk`: bytes of a part, 0 for one piece.
  BlobUpload(HttpLoop& loop, Connection& connection, Source source, std::uint64_t chunk,
             Events events);
  BlobUpload(const BlobUpload&) = delete;
  BlobUpload& operator=(const BlobUpload&) = delete;
  // `this` must live until on_done or on_error has returned, or until the loop is cleared.
  void start();

 private:
  [[nodiscard]] Call call(const char* method, const std::string& path) const;
  void look();
  void begin();
  void send_whole(const std::string& location);
  void send_part(const std::string& location);
  void close(const std::string& location);
  void failed(const std::exception_ptr& error);
  [[nodiscard]] Url with_digest(const std::string& location) const;

  HttpLoop& loop_;
  Connection& connection_;
  Source source_;
  std::uint64_t chunk_;
  Events events_;
  std::string object_;
  std::size_t next_mount_ = 0;
  std::uint64_t sent_ = 0;
  unsigned tries_ = 0;
};

}  // namespace fetch
