#include "fetch/registry.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "fetch/manifest.hpp"

namespace fetch {
namespace {

std::vector<std::string> accept_headers() {
  std::vector<std::string> out;
  for (const char* type : {image::media::kOciIndex, image::media::kOciManifest,
                           image::media::kDockerList, image::media::kDockerManifest}) {
    out.push_back(base::cat("Accept: ", type));
  }
  return out;
}

[[noreturn]] void wrong(const std::string& object, const std::string& why) {
  throw RegistryError(RegistryError::Kind::Wrong, base::cat(object, ": ", why));
}

// "application/json; charset=utf-8" without its parameters.
std::string media_type_of(const HttpResponse& response) {
  const std::string text = response.header("content-type");
  return std::string(base::trim(std::string_view(text).substr(0, text.find(';'))));
}

// The digest that the registry says a manifest has; nothing when it does not say. A text that is no
// digest is an error, for whoever sends that is not to be believed.
std::optional<image::Digest> stated_digest(const HttpResponse& response,
                                           const std::string& object) {
  const std::string text = response.header("docker-content-digest");
  if (text.empty()) return std::nullopt;
  try {
    return image::parse_digest(text);
  } catch (const base::Error& error) {
    wrong(object, base::cat("Docker-Content-Digest: ", error.what()));
  }
}

// GETs into memory; `limit` bytes and, when known, exactly `size`.
struct SmallBody {
  HttpResponse response;
  std::string bytes;
};
SmallBody get_small(Connection& connection, Call call, std::size_t limit,
                    std::optional<std::uint64_t> size) {
  SmallBody out;
  const std::string object = call.object;
  call.on_response = [&](const HttpResponse& response) {
    out.bytes.clear();
    const auto length = base::parse_uint(response.header("content-length"));
    if (length && size && *length != *size) {
      wrong(object,
            base::cat("the registry offers ", *length, " bytes, ", *size, " were promised"));
    }
    if (length && *length > limit) {
      wrong(object, base::cat(*length, " bytes are more than the ", limit, " allowed"));
    }
  };
  call.on_body = [&](std::span<const std::byte> bytes) {
    out.bytes.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (out.bytes.size() > limit)
      wrong(object, base::cat("more than the ", limit, " bytes allowed"));
    if (size && out.bytes.size() > *size) {
      wrong(object, base::cat("more than the ", *size, " bytes promised"));
    }
  };
  call.on_done = [&](const HttpResponse&) {
    if (size && out.bytes.size() < *size) {
      throw TryAgain(base::cat("ends after ", out.bytes.size(), " of ", *size, " bytes"));
    }
  };
  out.response = connection.perform(std::move(call));
  return out;
}

void check_digest(const std::string& object, const image::Digest& wanted,
                  const std::string& bytes) {
  Hasher hasher(wanted.algorithm);
  hasher.update(bytes);
  const image::Digest got = hasher.finish();
  if (got != wanted) wrong(object, base::cat("what the registry sends has the digest ", got.str()));
}

Call manifest_call(Connection& connection, const std::string& reference) {
  Call call;
  call.path = "/manifests/" + reference;
  call.headers = accept_headers();
  call.scope = connection.pull_scope();
  call.object = "manifest " + reference;
  return call;
}

FetchedManifest fetched(SmallBody body, image::Digest digest) {
  FetchedManifest out;
  out.descriptor.media_type = media_type_of(body.response);
  out.descriptor.digest = std::move(digest);
  out.descriptor.size = body.bytes.size();
  out.bytes = std::move(body.bytes);
  return out;
}

struct ContentRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> total;
};
// "bytes 100-199/200" or "bytes 100-199/*".
std::optional<ContentRange> parse_content_range(const std::string& text) {
  if (!base::starts_with(text, "bytes ")) return std::nullopt;
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (dash == std::string::npos || slash == std::string::npos || slash < dash) return std::nullopt;
  const auto first = base::parse_uint(base::trim(text.substr(6, dash - 6)));
  if (!first) return std::nullopt;
  ContentRange out{*first, std::nullopt};
  const std::string total(base::trim(text.substr(slash + 1)));
  if (total != "*") {
    out.total = base::parse_uint(total);
    if (!out.total) return std::nullopt;
  }
  return out;
}

}  // namespace

FetchedManifest fetch_tag(Connection& connection, const std::string& tag) {
  Call call = manifest_call(connection, tag);
  const std::string object = call.object;
  SmallBody body = get_small(connection, std::move(call), kMaxManifest, std::nullopt);
  if (const auto stated = stated_digest(body.response, object)) {
    check_digest(object, *stated, body.bytes);
    return fetched(std::move(body), *stated);
  }
  const image::Digest digest = sha256(body.bytes);
  return fetched(std::move(body), digest);
}

FetchedManifest fetch_digest(Connection& connection, const image::Descriptor& wanted) {
  Call call = manifest_call(connection, wanted.digest.str());
  const std::string object = call.object;
  const auto size = wanted.size == 0 ? std::nullopt : std::optional(wanted.size);
  SmallBody body = get_small(connection, std::move(call), kMaxManifest, size);
  check_digest(object, wanted.digest, body.bytes);
  FetchedManifest out = fetched(std::move(body), wanted.digest);
  if (!wanted.media_type.empty()) out.descriptor.media_type = wanted.media_type;
  return out;
}

std::optional<image::Digest> digest_of_tag(Connection& connection, const std::string& tag) {
  Call call = manifest_call(connection, tag);
  call.method = "HEAD";
  const std::string object = call.object;
  try {
    return stated_digest(connection.perform(std::move(call)), object);
  } catch (const RegistryError& error) {
    // Not every registry answers HEAD here; a GET then tells more.
    if (error.kind() == RegistryError::Kind::Refused) return std::nullopt;
    throw;
  }
}

std::string fetch_small_blob(Connection& connection, const image::Descriptor& wanted,
                             std::size_t limit) {
  Call call;
  call.path = "/blobs/" + wanted.digest.str();
  call.scope = connection.pull_scope();
  call.object = "blob " + wanted.digest.str();
  const std::string object = call.object;
  if (wanted.size > limit) {
    wrong(object, base::cat(wanted.size, " bytes are more than the ", limit, " allowed"));
  }
  SmallBody body = get_small(connection, std::move(call), limit, wanted.size);
  check_digest(object, wanted.digest, body.bytes);
  return std::move(body.bytes);
}

BlobFetch::BlobFetch(Connection& connection, BlobWriter writer, Events events)
    : connection_(connection), writer_(std::move(writer)), events_(std::move(events)) {}

std::string BlobFetch::object() const {
  return "layer " + writer_.descriptor().digest.str();
}

void BlobFetch::start() {
  resumed_ = writer_.offset() > 0;
  if (resumed_ && writer_.offset() >= size()) {
    // An earlier process had all of it, and died before it could say so.
    commit();
    return;
  }
  Call call;
  call.path = "/blobs/" + writer_.descriptor().digest.str();
  call.scope = connection_.pull_scope();
  call.object = object();
  call.accept = {200, 206, 416};
  call.more_headers = [this] { return range(); };
  call.on_response = [this](const HttpResponse& response) { begin_body(response); };
  call.on_body = [this](std::span<const std::byte> bytes) { take(bytes); };
  call.on_done = [this](const HttpResponse&) { finish(); };
  call.on_error = events_.on_error;
  call.kept = [this] { return writer_.offset(); };
  call.on_retry = events_.on_retry;
  connection_.send(std::move(call));
}

std::vector<std::string> BlobFetch::range() {
  skip_ = 0;
  asked_from_ = range_refused_ ? 0 : writer_.offset();
  if (asked_from_ > 0) resumed_ = true;
  if (asked_from_ == 0) return {};
  return {base::cat("Range: bytes=", asked_from_, "-")};
}

void BlobFetch::begin_body(const HttpResponse& response) {
  const auto length = base::parse_uint(response.header("content-length"));
  std::uint64_t from = 0;
  if (response.status == 206) {
    const auto part = parse_content_range(response.header("content-range"));
    if (!part || part->first > writer_.offset() || (part->total && *part->total != size())) {
      if (asked_from_ == 0) wrong(object(), "the registry sends a part that was not asked for");
      range_refused_ = true;
      throw TryAgain("the registry sends another part than was asked for");
    }
    from = part->first;
  } else if (response.status == 416) {
    if (asked_from_ == 0) wrong(object(), "the registry has no such range of it");
    range_refused_ = true;
    throw TryAgain("the registry has no such range");
  }
  skip_ = writer_.offset() - from;
  if (length && *length != size() - from) {
    wrong(object(),
          base::cat("the registry offers ", from + *length, " bytes, the manifest says ", size()));
  }
}

void BlobFetch::take(std::span<const std::byte> bytes) {
  if (skip_ > 0) {
    const auto skipped = std::min<std::uint64_t>(skip_, bytes.size());
    skip_ -= skipped;
    bytes = bytes.subspan(static_cast<std::size_t>(skipped));
  }
  if (bytes.empty()) return;
  try {
    writer_.write({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  } catch (const VerifyError& error) {
    wrong(object(), error.what());
  }
  if (events_.on_bytes) events_.on_bytes(writer_.offset());
}

void BlobFetch::finish() {
  if (writer_.offset() < size()) {
    throw TryAgain(base::cat("the answer ends after ", writer_.offset(), " of ", size(), " bytes"));
  }
  commit();
}

void BlobFetch::commit() {
  try {
    writer_.commit();
  } catch (const VerifyError& error) {
    if (!resumed_) wrong(object(), error.what());
    events_.on_stale();
    return;
  }
  events_.on_done();
}

}  // namespace fetch
