#include "fetch/http.hpp"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "fetch/http_url.hpp"

namespace fetch {
namespace {

struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

template <class T>
void set(CURL* easy, CURLoption option, T value) {
  if (curl_easy_setopt(easy, option, value) != CURLE_OK) {
    throw base::Error(base::cat("libcurl refuses option ", static_cast<int>(option)));
  }
}

long milliseconds(base::Duration d) {
  return std::max<long>(1, std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

// Proxies come from the environment, which libcurl reads itself, but for two habits of the Go
// programs people come from: loopback is never proxied, and HTTP_PROXY counts in capitals too.
void choose_proxy(CURL* easy, const std::string& url) {
  const auto parsed = parse_url(url);
  if (parsed && parsed->is_loopback()) {
    set(easy, CURLOPT_PROXY, "");
    return;
  }
  const char* upper = std::getenv("HTTP_PROXY");
  if (parsed && !parsed->is_https() && upper != nullptr && std::getenv("http_proxy") == nullptr) {
    set(easy, CURLOPT_PROXY, upper);
  }
}

HttpFailure::Kind kind_of(CURLcode code, CURL* easy) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return HttpFailure::Kind::Unreachable;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return HttpFailure::Kind::Certificate;
    case CURLE_SSL_CONNECT_ERROR:
      return HttpFailure::Kind::Handshake;
    case CURLE_WRITE_ERROR:
      return HttpFailure::Kind::Refused;
    default:
      break;
  }
  curl_off_t connected = 0;
  curl_off_t secured = 0;
  const char* scheme = nullptr;
  curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
  curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &secured);
  curl_easy_getinfo(easy, CURLINFO_SCHEME, &scheme);
  const bool https = scheme != nullptr && same_name(scheme, "https");
  return https && connected > 0 && secured == 0 && code != CURLE_OPERATION_TIMEDOUT
             ? HttpFailure::Kind::Handshake
             : HttpFailure::Kind::Broken;
}

}  // namespace

struct HttpLoop::Impl {
  std::unique_ptr<CURLM, MultiDeleter> multi;
};

struct HttpLoop::Transfer {
  HttpRequest request;
  HttpCallbacks callbacks;
  HttpOutcome outcome;
  std::size_t header_bytes = 0, header_limit = 0;
  bool answered = false;  // what comes as a header later is a trailer of the body
  std::uint64_t sent = 0;
  std::string refusal;
  std::array<char, CURL_ERROR_SIZE> error{};
  std::unique_ptr<curl_slist, ListDeleter> headers;
  std::unique_ptr<CURL, EasyDeleter> easy;
  CURLM* multi = nullptr;

  ~Transfer() {
    if (multi != nullptr && easy) curl_multi_remove_handle(multi, easy.get());
  }

  // Exceptions must not pass through libcurl: kept, and the transfer ended.
  template <class Action>
  bool guarded(Action action) {
    try {
      return action();
    } catch (...) {
      outcome.thrown = std::current_exception();
      return false;
    }
  }

  bool take_header(std::string_view line) {
    header_bytes += line.size();
    if (header_bytes > header_limit) {
      refusal = base::cat("more than ", header_limit, " bytes of headers");
      return false;
    }
    if (answered) return true;
    const std::string_view text = base::trim(line);
    HttpResponse& response = outcome.response;
    if (base::starts_with(line, "HTTP/")) {
      response = {};
      const auto space = text.find(' ');
      const auto status = space == std::string_view::npos
                              ? std::nullopt
                              : base::parse_uint(text.substr(
                                    space + 1, std::min<std::size_t>(3, text.size() - space - 1)));
      response.status = static_cast<unsigned>(status.value_or(0));
      return true;
    }
    if (text.empty()) {
      if (response.status < 200) return true;
      answered = true;
      if (!callbacks.on_response) return true;
      if (callbacks.on_response(response)) return true;
      refusal = "not accepted";
      return false;
    }
    const auto colon = text.find(':');
    if (colon != std::string_view::npos) {
      response.headers.emplace_back(base::trim(text.substr(0, colon)),
                                    base::trim(text.substr(colon + 1)));
    }
    return true;
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const bool good = transfer.guarded([&] { return transfer.take_header({data, size}); });
    return good ? size : 0;
  }

  static std::size_t on_write(char* data, std::size_t, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (!transfer.callbacks.on_body) return size;
    const bool good = transfer.guarded([&] {
      const bool taken =
          transfer.callbacks.on_body(std::as_bytes(std::span<const char>(data, size)));
      if (!taken) transfer.refusal = "not accepted";
      return taken;
    });
    return good ? size : CURL_WRITEFUNC_ERROR;
  }

  static std::size_t on_read(char* data, std::size_t, std::size_t room, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const HttpBody& body = *transfer.request.body;
    const std::uint64_t size = body.fd < 0 ? body.text.size() : body.size;
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(room, size - transfer.sent));
    if (body.fd < 0) {
      std::memcpy(data, body.text.data() + transfer.sent, want);
      transfer.sent += want;
      return want;
    }
    const auto at = static_cast<off_t>(body.offset + transfer.sent);
    const ssize_t got = want == 0 ? 0 : ::pread(body.fd, data, want, at);
    if (got < 0 || (got == 0 && want != 0)) return CURL_READFUNC_ABORT;
    transfer.sent += static_cast<std::uint64_t>(got);
    if (transfer.callbacks.on_sent) transfer.callbacks.on_sent(transfer.sent);
    return static_cast<std::size_t>(got);
  }

  static int on_seek(void* self, curl_off_t offset, int origin) {
    if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_FAIL;
    static_cast<Transfer*>(self)->sent = static_cast<std::uint64_t>(offset);
    return CURL_SEEKFUNC_OK;
  }

  void add_header(const std::string& line) {
    curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
    if (longer == nullptr) throw base::Error("out of memory");
    static_cast<void>(headers.release());
    headers.reset(longer);
  }

  void set_up(const HttpBounds& bounds, base::Duration left) {
    CURL* handle = easy.get();
    set(handle, CURLOPT_ERRORBUFFER, error.data());
    set(handle, CURLOPT_URL, request.url.c_str());
    set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    set(handle, CURLOPT_FOLLOWLOCATION, 0L);
    set(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(handle, CURLOPT_NOSIGNAL, 1L);
    // Parallel layers come over connections of their own: faster than streams of one.
    set(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(handle, CURLOPT_HTTP09_ALLOWED, 0L);
    set(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(handle, CURLOPT_BUFFERSIZE, 512L * 1024);
    set(handle, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
    set(handle, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(bounds.connect));
    set(handle, CURLOPT_LOW_SPEED_LIMIT, 1024L);
    set(handle, CURLOPT_LOW_SPEED_TIME, std::max(1L, milliseconds(bounds.stall) / 1000));
    set(handle, CURLOPT_TIMEOUT_MS, milliseconds(left));
    set(handle, CURLOPT_USERAGENT, "stack/" STACK_VERSION);
    if (request.tls.insecure) {
      set(handle, CURLOPT_SSL_VERIFYPEER, 0L);
      set(handle, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (!request.tls.ca_file.empty()) set(handle, CURLOPT_CAINFO, request.tls.ca_file.c_str());
    set(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // a proxy's answer is not the server's
    choose_proxy(handle, request.url);
    set(handle, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(handle, CURLOPT_HEADERDATA, this);
    set(handle, CURLOPT_WRITEFUNCTION, &Transfer::on_write);
    set(handle, CURLOPT_WRITEDATA, this);
    set_method(handle);
    for (const std::string& line : request.headers) add_header(line);
    if (!request.authorization.empty()) add_header("Authorization: " + request.authorization);
    add_header("Expect:");
    set(handle, CURLOPT_HTTPHEADER, headers.get());
  }

  void set_method(CURL* handle) {
    if (request.body) {
      const HttpBody& body = *request.body;
      set(handle, CURLOPT_UPLOAD, 1L);
      set(handle, CURLOPT_READFUNCTION, &Transfer::on_read);
      set(handle, CURLOPT_READDATA, this);
      set(handle, CURLOPT_SEEKFUNCTION, &Transfer::on_seek);
      set(handle, CURLOPT_SEEKDATA, this);
      set(handle, CURLOPT_INFILESIZE_LARGE,
          static_cast<curl_off_t>(body.fd < 0 ? body.text.size() : body.size));
    } else if (request.method == "HEAD") {
      set(handle, CURLOPT_NOBODY, 1L);
    }
    set(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  void finish(CURLcode code) {
    if (code != CURLE_OK && !outcome.thrown) {
      HttpFailure failure;
      failure.kind = refusal.empty() ? kind_of(code, easy.get()) : HttpFailure::Kind::Refused;
      failure.text = !refusal.empty()   ? refusal
                     : error[0] != '\0' ? printable(error.data())
                                        : curl_easy_strerror(code);
      outcome.failure = std::move(failure);
    }
  }
};

std::string HttpResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return {};
}

std::vector<std::string> HttpResponse::all(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) out.push_back(value);
  }
  return out;
}

HttpLoop::HttpLoop(HttpBounds bounds)
    : bounds_(bounds), deadline_(base::sys::monotonic_now() + bounds.total) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  impl_ = std::make_unique<Impl>();
  impl_->multi.reset(curl_multi_init());
  if (ready != CURLE_OK || !impl_->multi) throw base::Error("libcurl could not be set up");
}

HttpLoop::~HttpLoop() {
  clear();
}

void HttpLoop::clear() {
  transfers_.clear();
  timers_.clear();
  watched_ = -1;
  on_watched_ = nullptr;
}

void HttpLoop::watch(int fd, std::function<void()> then) {
  watched_ = fd;
  on_watched_ = std::move(then);
}

void HttpLoop::start(HttpRequest request, HttpCallbacks callbacks) {
  const base::Duration left = deadline_ - base::sys::monotonic_now();
  if (left <= base::Duration::zero()) {
    throw base::Error(base::cat("not done within ", base::human_duration(bounds_.total)));
  }
  auto transfer = std::make_unique<Transfer>();
  transfer->request = std::move(request);
  transfer->callbacks = std::move(callbacks);
  transfer->header_limit = bounds_.header_bytes;
  transfer->easy.reset(curl_easy_init());
  if (!transfer->easy) throw base::Error("libcurl could not be set up");
  transfer->set_up(bounds_, left);
  CURL* handle = transfer->easy.get();
  if (curl_multi_add_handle(impl_->multi.get(), handle) != CURLM_OK) {
    throw base::Error("libcurl takes no further transfer");
  }
  transfer->multi = impl_->multi.get();
  transfers_.emplace(handle, std::move(transfer));
}

void HttpLoop::after(base::Duration pause, std::function<void()> then) {
  timers_.emplace(base::sys::monotonic_now() + pause, std::move(then));
}

int HttpLoop::wait_milliseconds() const {
  if (timers_.empty()) return 1000;
  const base::Duration left = timers_.begin()->first - base::sys::monotonic_now();
  return static_cast<int>(std::clamp<long>(milliseconds(left), 1, 1000));
}

void HttpLoop::fire_timers() {
  while (!timers_.empty() && timers_.begin()->first <= base::sys::monotonic_now()) {
    auto then = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    then();
  }
}

void HttpLoop::finish_transfers() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(impl_->multi.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const auto found = transfers_.find(message->easy_handle);
    if (found == transfers_.end()) continue;
    const CURLcode code = message->data.result;
    // Out of the map first: on_done may start others or clear everything.
    const auto transfer = std::move(found->second);
    transfers_.erase(found);
    transfer->finish(code);
    if (transfer->callbacks.on_done) transfer->callbacks.on_done(std::move(transfer->outcome));
  }
}

void HttpLoop::run_until(const std::function<bool()>& done) {
  while (!done()) {
    int running = 0;
    if (curl_multi_perform(impl_->multi.get(), &running) != CURLM_OK) {
      throw base::Error("libcurl cannot go on");
    }
    finish_transfers();
    fire_timers();
    if (done()) return;
    if (transfers_.empty() && timers_.empty() && watched_ < 0) {
      throw base::Error("nothing is left to wait for");
    }
    curl_waitfd extra{watched_, CURL_WAIT_POLLIN, 0};
    curl_multi_poll(impl_->multi.get(), &extra, watched_ < 0 ? 0 : 1, wait_milliseconds(), nullptr);
    if (extra.revents != 0 && on_watched_) on_watched_();
  }
}

}  // namespace fetch
