#include "fetch/registry_exchange.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <ctime>

#include "base/json.hpp"

namespace fetch {
namespace {

constexpr unsigned kRedirects = 5;
constexpr unsigned kChallenges = 2;
constexpr unsigned kAttempts = 100;  // of one call, whatever progress they make
constexpr unsigned kConnectTries = 3;
constexpr std::size_t kComplaint = 8U << 10U;
constexpr base::Duration kFirstPause = std::chrono::milliseconds(200);
constexpr base::Duration kLongestPause = std::chrono::seconds(15);
constexpr base::Duration kLongestWish = std::chrono::minutes(2);  // of a Retry-After

// Seconds or a date; nothing when there is none.
std::optional<base::Duration> retry_after(const HttpResponse& response) {
  const std::string text = response.header("retry-after");
  if (text.empty()) return std::nullopt;
  if (const auto seconds = base::parse_uint(text)) {
    return std::chrono::seconds(std::min<std::uint64_t>(*seconds, 1U << 20U));
  }
  const std::time_t date = curl_getdate(text.c_str(), nullptr);
  if (date < 0) return std::nullopt;
  return std::chrono::seconds(std::clamp<std::int64_t>(date - std::time(nullptr), 0, 1 << 20));
}

bool may_pass(unsigned status) {
  return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

std::string registry_complaint(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains("errors") || !json["errors"].is_array() ||
      json["errors"].empty() || !json["errors"][0].is_object()) {
    return {};
  }
  const auto& first = json["errors"][0];
  std::vector<std::string> parts;
  for (const char* name : {"code", "message"}) {
    if (first.contains(name) && first[name].is_string()) {
      parts.push_back(printable(first[name].get<std::string>(), 200));
    }
  }
  return base::join(parts, ": ");
}

Connection::Connection(HttpLoop& loop, const RegistriesConfig& config, Endpoint endpoint,
                       std::string repository)
    : loop_(loop),
      config_(config),
      endpoint_(std::move(endpoint)),
      may_fall_back_(endpoint_.scheme == Scheme::Either),
      repository_(std::move(repository)),
      auth_(loop, config, endpoint_, repository_),
      random_(std::random_device{}()) {}

std::string Connection::full_name() const {
  return endpoint_.prefix.empty() ? repository_ : endpoint_.prefix + "/" + repository_;
}

Url Connection::origin() const {
  const std::string scheme = endpoint_.scheme == Scheme::PlainHttp ? "http://" : "https://";
  const auto url = parse_url(scheme + endpoint_.host);
  if (!url) throw base::Error(base::cat("\"", endpoint_.host, "\" is no address of a registry"));
  return *url;
}

Url Connection::resolve(const std::string& location, const std::string& object) const {
  const Url home = origin();
  const auto url = resolve_url(home, location);
  if (!url || (home.is_https() && !url->is_https())) {
    throw RegistryError(RegistryError::Kind::Wrong,
                        base::cat(object, ": ", home.authority(), " leads to \"",
                                  url ? url->shown() : printable(location, 100),
                                  url ? "\", which has no https" : "\", which is no address"));
  }
  return *url;
}

void Connection::send(Call call) {
  const auto running = std::make_shared<Running>();
  running->call = std::move(call);
  begin(running);
}

HttpResponse Connection::perform(Call call) {
  bool finished = false;
  HttpResponse out;
  std::exception_ptr error;
  const auto user_done = std::move(call.on_done);
  call.on_done = [&](const HttpResponse& response) {
    if (user_done) user_done(response);
    out = response;
    finished = true;
  };
  call.on_error = [&](std::exception_ptr thrown) {
    error = std::move(thrown);
    finished = true;
  };
  send(std::move(call));
  loop_.run_until([&] { return finished; });
  if (error) std::rethrow_exception(error);
  return out;
}

// From the start: what a redirect led to may have expired.
void Connection::begin(const Shared& running) {
  running->redirects = 0;
  if (running->call.location) {
    running->url = *running->call.location;
  } else {
    running->url = origin();
    running->url.path = "/v2/" + full_name() + running->call.path;
    const std::size_t mark = running->url.path.find('?');
    if (mark != std::string::npos) {
      running->url.query = running->url.path.substr(mark + 1);
      running->url.path.resize(mark);
    }
  }
  start(running);
}

void Connection::start(const Shared& running) {
  Call& call = running->call;
  ++running->attempts;
  running->accepted = false;
  running->complaint.clear();
  running->response = {};
  running->home = running->url.same_origin(origin());
  running->authorization = running->home ? auth_.header(call.scope) : "";
  HttpRequest request;
  request.method = call.method;
  request.url = running->url.str();
  request.headers = call.headers;
  if (call.more_headers) {
    for (std::string& line : call.more_headers()) request.headers.push_back(std::move(line));
  }
  request.body = call.body;
  request.tls =
      running->url.host == origin().host ? endpoint_.tls : config_.tls_of(running->url.authority());
  request.authorization = running->authorization;

  HttpCallbacks callbacks;
  callbacks.on_response = [running](const HttpResponse& response) {
    running->response = response;
    const auto& accept = running->call.accept;
    running->accepted = std::find(accept.begin(), accept.end(), response.status) != accept.end();
    if (running->accepted && running->call.on_response) running->call.on_response(response);
    return true;
  };
  callbacks.on_body = [running](std::span<const std::byte> bytes) {
    if (!running->accepted) {
      if (running->complaint.size() + bytes.size() > kComplaint) return false;
      running->complaint.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return true;
    }
    if (running->call.on_body) running->call.on_body(bytes);
    return true;
  };
  callbacks.on_sent = call.on_sent;
  callbacks.on_done = [this, running](const HttpOutcome& outcome) { done(running, outcome); };
  loop_.start(std::move(request), std::move(callbacks));
}

void Connection::done(const Shared& running, const HttpOutcome& outcome) {
  try {
    if (outcome.thrown) std::rethrow_exception(outcome.thrown);
    const bool told = running->response.status != 0 && !running->accepted;
    if (outcome.failure && !told) {
      broke(running, *outcome.failure);
    } else if (running->accepted) {
      if (running->call.on_done) running->call.on_done(running->response);
    } else {
      answered(running);
    }
  } catch (const TryAgain& reason) {
    again(running, reason.what(), config_.tries, base::Duration::zero());
  } catch (...) {
    running->call.on_error(std::current_exception());
  }
}

void Connection::broke(const Shared& running, const HttpFailure& failure) {
  const std::string host = running->url.authority();
  switch (failure.kind) {
    case HttpFailure::Kind::Handshake:
      if (may_fall_back_ && running->home && running->url.is_https()) {
        endpoint_.scheme = Scheme::PlainHttp;
        begin(running);
        return;
      }
      fail(running, RegistryError::Kind::Unreachable,
           base::cat(host, " speaks no TLS: ", failure.text),
           "a registry without TLS needs plain_http: true in /etc/stack/registries.yaml");
      return;
    case HttpFailure::Kind::Certificate:
      fail(running, RegistryError::Kind::Unreachable, base::cat(host, ": ", failure.text),
           "ca: FILE in /etc/stack/registries.yaml adds a certificate authority");
      return;
    case HttpFailure::Kind::Refused:
      fail(running, RegistryError::Kind::Wrong, base::cat(host, ": ", failure.text));
      return;
    case HttpFailure::Kind::Unreachable:
      again(running, base::cat(host, ": ", failure.text), std::min(kConnectTries, config_.tries),
            base::Duration::zero());
      return;
    case HttpFailure::Kind::Broken:
      again(running, base::cat(host, ": ", failure.text), config_.tries, base::Duration::zero());
      return;
  }
}

void Connection::answered(const Shared& running) {
  const unsigned status = running->response.status;
  const std::string host = running->url.authority();
  if (is_redirect(status)) return redirected(running);
  if (status == 401) return unauthorised(running);
  std::string said = registry_complaint(running->complaint);
  if (!said.empty()) said = " (" + said + ")";
  if (may_pass(status)) {
    const base::Duration wish = retry_after(running->response).value_or(base::Duration::zero());
    if (wish > kLongestWish) {
      fail(running, RegistryError::Kind::Unreachable,
           base::cat(host, " answers ", status, said, " and asks to wait ",
                     base::human_duration(wish)));
      return;
    }
    again(running, base::cat(host, " answers ", status, said), config_.tries, wish);
    return;
  }
  if (status == 404) {
    fail(running, RegistryError::Kind::NotFound, base::cat("not found at ", host, said));
  } else if (status == 403) {
    const std::string more = auth_.explain();
    fail(running, RegistryError::Kind::Denied,
         base::cat(host, " denies access", said, more.empty() ? "" : ": ", more));
  } else {
    fail(running, RegistryError::Kind::Refused, base::cat(host, " answers ", status, said));
  }
}

void Connection::redirected(const Shared& running) {
  const std::string host = running->url.authority();
  const std::string location = running->response.header("location");
  const auto next = resolve_url(running->url, location);
  const auto wrong = [&](const std::string& why) {
    fail(running, RegistryError::Kind::Wrong, why);
  };
  if (running->call.method != "GET" && running->call.method != "HEAD") {
    return wrong(base::cat(host, " redirects a ", running->call.method, ", which is not followed"));
  }
  if (!next) {
    return wrong(base::cat(host, " redirects to \"", printable(location, 100),
                           "\", which is no http or https address"));
  }
  if (running->url.is_https() && !next->is_https()) {
    return wrong(base::cat(host, " redirects from https to ", next->shown()));
  }
  if (++running->redirects > kRedirects) {
    return wrong(base::cat("more than ", kRedirects, " redirects, the last to ", next->shown()));
  }
  running->url = *next;
  start(running);
}

void Connection::unauthorised(const Shared& running) {
  const std::string host = running->url.authority();
  const auto denied = [this, running, host](const std::string& why) {
    const std::string more = auth_.explain();
    fail(running, RegistryError::Kind::Denied,
         base::cat(host, " denies access: ", why, more.empty() ? "" : "; ", more));
  };
  if (!running->url.same_origin(origin())) {
    // Only the registry itself can ask who we are, not where it sends us.
    return denied("authentication is wanted by a host that the registry redirects to");
  }
  if (++running->challenges > kChallenges) return denied("the token is not accepted");
  auth_.challenged(running->url, running->response, running->call.scope, running->authorization,
                   [this, running, denied](const std::string& refusal) {
                     if (!refusal.empty()) return denied(refusal);
                     begin(running);
                   });
}

void Connection::again(const Shared& running, const std::string& why, unsigned tries,
                       base::Duration pause) {
  const std::uint64_t kept = running->call.kept ? running->call.kept() : 0;
  running->failures = kept > running->kept ? 1 : running->failures + 1;
  running->kept = kept;
  if (running->call.repeat == Repeat::Never || running->failures >= tries ||
      running->attempts >= kAttempts) {
    const std::string times =
        running->failures > 1 ? base::cat(", tried ", running->failures, " times") : "";
    fail(running, RegistryError::Kind::Unreachable, why + times);
    return;
  }
  // Exponential, and up to half of it by chance, so that many clients do not come back together.
  base::Duration wait = std::min(kLongestPause, kFirstPause * (1U << (running->failures - 1)));
  wait = wait / 2 + wait / 2 * static_cast<std::int64_t>(random_() % 1000) / 1000;
  running->challenges = 0;
  if (running->call.on_retry) running->call.on_retry(why);
  loop_.after(std::max(wait, pause), [this, running] { begin(running); });
}

void Connection::fail(const Shared& running, RegistryError::Kind kind, const std::string& why,
                      std::string hint) {
  running->call.on_error(std::make_exception_ptr(
      RegistryError(kind, base::cat(running->call.object, ": ", why), std::move(hint))));
}

}  // namespace fetch
