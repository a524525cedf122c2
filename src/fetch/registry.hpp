// What a pull asks of a registry (OCI distribution specification): manifests and blobs, each
// verified against what was asked for before anybody believes it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "fetch/registry_exchange.hpp"
#include "fetch/store_writer.hpp"
#include "image/descriptor.hpp"

namespace fetch {

struct FetchedManifest {
  image::Descriptor descriptor;  // the digest computed here, the size, the type as sent
  std::string bytes;
};

// The manifest or index of a tag, or the one of a descriptor (digest and, when known, size must
// fit).
FetchedManifest fetch_tag(Connection& connection, const std::string& tag);
FetchedManifest fetch_digest(Connection& connection, const image::Descriptor& wanted);
// Digest that a tag has now, by HEAD; nothing when the registry does not say it.
std::optional<image::Digest> digest_of_tag(Connection& connection, const std::string& tag);
// A small blob as text, verified. Throws when it is larger than `limit`.
std::string fetch_small_blob(Connection& connection, const image::Descriptor& wanted,
                             std::size_t limit);

// One blob on its way into the store: goes on where an earlier try ended (Range) and copes with a
// server that sends everything anyway.
class BlobFetch {
 public:
  struct Events {
    std::function<void(std::uint64_t)> on_bytes;  // so many are here
    std::function<void(const std::string&)> on_retry;
    std::function<void()> on_done;
    // Bytes of more than one answer proved wrong together and are thrown away: which of them was
    // it cannot be told, so it is worth one more try with a fresh writer.
    std::function<void()> on_stale;
    std::function<void(std::exception_ptr)> on_error;
  };
  BlobFetch(Connection& connection, BlobWriter writer, Events events);
  BlobFetch(const BlobFetch&) = delete;
  BlobFetch& operator=(const BlobFetch&) = delete;
  // `this` must live until one of the last three was called and has returned, or until the loop is
  // cleared.
  void start();

 private:
  std::vector<std::string> range();
  void begin_body(const HttpResponse& response);
  void take(std::span<const std::byte> bytes);
  void finish();
  void commit();
  [[nodiscard]] std::uint64_t size() const { return writer_.descriptor().size; }
  [[nodiscard]] std::string object() const;

  Connection& connection_;
  BlobWriter writer_;
  Events events_;
  std::uint64_t asked_from_ = 0;  // of the attempt in progress
  std::uint64_t skip_ = 0;        // bytes sent again by a server that ignores Range
  bool resumed_ = false;          // holds bytes of more than one answer
  bool range_refused_ = false;
};

}  // namespace fetch
