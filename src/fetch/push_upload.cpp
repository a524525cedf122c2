#include "fetch/push_upload.hpp"

#include <algorithm>

namespace fetch {
namespace {

constexpr unsigned kUploadTries = 4;

}  // namespace

BlobUpload::BlobUpload(HttpLoop& loop, Connection& connection, Source source, std::uint64_t chunk,
                       Events events)
    : loop_(loop),
      connection_(connection),
      source_(std::move(source)),
      chunk_(chunk),
      events_(std::move(events)),
      object_("blob " + source_.blob.digest.str()) {}

Call BlobUpload::call(const char* method, const std::string& path) const {
  Call out;
  out.method = method;
  out.path = path;
  out.scope = connection_.push_scope();
  out.object = object_;
  out.on_retry = events_.on_retry;
  out.on_error = events_.on_error;
  return out;
}

void BlobUpload::start() {
  look();
}

void BlobUpload::look() {
  Call head = call("HEAD", "/blobs/" + source_.blob.digest.str());
  head.accept = {200, 404};
  head.on_done = [this](const HttpResponse& response) {
    if (response.status == 200) {
      events_.on_done(How::Exists);
    } else {
      begin();
    }
  };
  connection_.send(std::move(head));
}

void BlobUpload::begin() {
  sent_ = 0;
  Call post = call("POST", "/blobs/uploads/");
  if (next_mount_ < source_.mount.size()) {
    const std::string& from = source_.mount[next_mount_++];
    post.path = base::cat("/blobs/uploads/?mount=", percent_encode(source_.blob.digest.str()),
                          "&from=", percent_encode(from));
    post.scope += " repository:" + from + ":pull";
  } else if (!source_.file) {
    events_.on_error(std::make_exception_ptr(base::Error(
        base::cat(object_, ": neither the registry nor the store has it"),
        "the layer was unpacked without its compressed form; pull or load the image anew")));
    return;
  }
  post.headers.emplace_back("Content-Length: 0");
  post.accept = {201, 202};
  post.on_done = [this](const HttpResponse& response) {
    if (response.status == 201) {
      events_.on_done(How::Mounted);
      return;
    }
    const std::string location = response.header("location");
    if (!source_.file) {
      begin();  // the offer to mount was declined: the next, or the error
    } else if (chunk_ == 0 || source_.blob.size <= chunk_) {
      send_whole(location);
    } else {
      send_part(location);
    }
  };
  connection_.send(std::move(post));
}

Url BlobUpload::with_digest(const std::string& location) const {
  Url url = connection_.resolve(location, object_);
  add_query(url, "digest", source_.blob.digest.str());
  return url;
}

void BlobUpload::send_whole(const std::string& location) {
  Call put = call("PUT", "");
  put.location = with_digest(location);
  put.headers.emplace_back("Content-Type: application/octet-stream");
  put.body = HttpBody{{}, source_.file.get(), 0, source_.blob.size};
  put.accept = {201};
  put.repeat = Repeat::Never;
  put.on_sent = events_.on_bytes;
  put.on_done = [this](const HttpResponse&) { events_.on_done(How::Sent); };
  put.on_error = [this](const std::exception_ptr& error) { failed(error); };
  connection_.send(std::move(put));
}

void BlobUpload::send_part(const std::string& location) {
  const std::uint64_t size = std::min(chunk_, source_.blob.size - sent_);
  Call patch = call("PATCH", "");
  patch.location = connection_.resolve(location, object_);
  patch.headers = {"Content-Type: application/octet-stream",
                   base::cat("Content-Range: ", sent_, "-", sent_ + size - 1)};
  patch.body = HttpBody{{}, source_.file.get(), sent_, size};
  patch.accept = {202};
  patch.repeat = Repeat::Never;
  patch.on_sent = [this](std::uint64_t of_part) {
    if (events_.on_bytes) events_.on_bytes(sent_ + of_part);
  };
  patch.on_done = [this, size](const HttpResponse& response) {
    sent_ += size;
    const std::string next = response.header("location");
    if (sent_ < source_.blob.size) {
      send_part(next);
    } else {
      close(next);
    }
  };
  patch.on_error = [this](const std::exception_ptr& error) { failed(error); };
  connection_.send(std::move(patch));
}

void BlobUpload::close(const std::string& location) {
  Call put = call("PUT", "");
  put.location = with_digest(location);
  put.headers.emplace_back("Content-Length: 0");
  put.accept = {201};
  put.repeat = Repeat::Never;
  put.on_done = [this](const HttpResponse&) { events_.on_done(How::Sent); };
  put.on_error = [this](const std::exception_ptr& error) { failed(error); };
  connection_.send(std::move(put));
}

// An upload that broke is left to the registry to forget; the blob starts from its beginning, for
// how much of it arrived differs between registries.
void BlobUpload::failed(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const RegistryError& what) {
    if (what.kind() == RegistryError::Kind::Unreachable && ++tries_ < kUploadTries) {
      if (events_.on_retry) events_.on_retry(what.what());
      loop_.after(std::chrono::milliseconds(300) * (1U << tries_), [this] { look(); });
      return;
    }
  } catch (const base::Error&) {  // NOLINT(bugprone-empty-catch): told below, with the others
  }
  events_.on_error(error);
}

}  // namespace fetch
