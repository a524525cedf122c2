#include "fetch/auth.hpp"

#include <algorithm>
#include <memory>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/sys.hpp"

namespace fetch {
namespace {

constexpr std::size_t kLongestToken = 64U << 10U;
constexpr unsigned kTokenTries = 3;
// A token that is about to expire is not used any more.
constexpr base::Duration kLeeway = std::chrono::seconds(5);

std::string text_of(const nlohmann::json& json, const char* name) {
  const auto at = json.find(name);
  return at != json.end() && at->is_string() ? at->get<std::string>() : "";
}

}  // namespace

Authenticator::Authenticator(HttpLoop& loop, const RegistriesConfig& config, Endpoint endpoint,
                             std::string repository)
    : loop_(loop),
      config_(config),
      endpoint_(std::move(endpoint)),
      repository_(std::move(repository)) {}

const std::optional<Credentials>& Authenticator::credentials() {
  if (!credentials_) {
    CredentialLookup lookup = find_credentials(credential_files(), endpoint_.registry, repository_);
    credentials_ = std::move(lookup.found);
    notes_ = std::move(lookup.notes);
  }
  return *credentials_;
}

Channel Authenticator::channel(const Url& registry) const {
  if (registry.is_loopback()) return Channel::Verified;
  return registry.is_https() && !endpoint_.tls.insecure ? Channel::Verified : Channel::Open;
}

std::string Authenticator::header(const std::string& scope) const {
  if (!basic_.empty()) return basic_;
  const auto found = tokens_.find(scope);
  if (found == tokens_.end() || found->second.until <= base::sys::monotonic_now()) return {};
  return "Bearer " + found->second.value;
}

std::string Authenticator::explain() const {
  std::string out;
  if (!withheld_.empty()) {
    out = base::cat("the password is not sent to ", withheld_,
                    ", which is another host and not reached by https from end to end");
  } else if (credentials_ && !*credentials_) {
    out =
        "there is no password for " + endpoint_.registry + " (looked in auth.json and config.json)";
  }
  for (const std::string& note : notes_) out.append(out.empty() ? "" : "; ").append(note);
  return out;
}

void Authenticator::challenged(const Url& registry, const HttpResponse& response,
                               const std::string& scope, const std::string& used, Answer then) {
  const std::vector<Challenge> all = parse_challenges(response.all("www-authenticate"));
  for (const Challenge& challenge : all) {
    if (challenge.kind == Challenge::Kind::Bearer) {
      ask_token(registry, challenge, scope, std::move(then));
      return;
    }
  }
  if (all.empty()) {
    then("authentication is wanted, but by no method that is known here (Basic, Bearer)");
    return;
  }
  use_basic(registry, used, then);
}

void Authenticator::use_basic(const Url& registry, const std::string& used, const Answer& then) {
  if (!used.empty()) {
    then("user or password are refused");
    return;
  }
  const auto& known = credentials();
  if (!known || known->user.empty()) {
    then("a password is wanted");
    return;
  }
  // Plain http gets here for loopback, or because the administrator wrote plain_http.
  if (!registry.is_https() && !registry.is_loopback() && endpoint_.scheme != Scheme::PlainHttp) {
    withheld_ = registry.authority();
    then("a password is wanted");
    return;
  }
  basic_ = "Basic " + base::base64(known->user + ":" + known->password);
  then("");
}

void Authenticator::ask_token(const Url& registry, const Challenge& challenge,
                              const std::string& wanted, Answer then) {
  const auto& known = credentials();
  if (known && !known->registry_token.empty() && tokens_.count(wanted) == 0 &&
      is_token_text(known->registry_token)) {
    tokens_[wanted] = {known->registry_token, base::sys::monotonic_now() + std::chrono::hours(1)};
    then("");
    return;
  }
  tokens_.erase(wanted);
  const auto realm = parse_url(challenge.realm);
  if (!realm) {
    then(base::cat("\"", printable(challenge.realm, 100),
                   "\" is named as token server, which is no "
                   "http or https address"));
    return;
  }
  if (!may_ask_token(registry, *realm)) {
    then(base::cat("the token server ", realm->shown(), " is named, which has no https"));
    return;
  }
  std::vector<Answer>& queue = waiting_[wanted];
  queue.push_back(std::move(then));
  if (queue.size() > 1) return;
  TokenRequest request;
  request.realm = *realm;
  request.challenge = challenge;
  request.scope = wanted;
  const bool any = known && (!known->user.empty() || !known->identity_token.empty());
  request.with_password = any && may_send_password(registry, channel(registry), *realm);
  if (any && !request.with_password) withheld_ = realm->authority();
  send(request);
}

void Authenticator::send(const TokenRequest& request) {
  const auto& known = credentials();
  HttpRequest http;
  Url url = request.realm;
  const std::string scope = choose_scope(request.scope, request.challenge.scope);
  if (request.with_password && !known->identity_token.empty()) {
    Url form;
    add_query(form, "grant_type", "refresh_token");
    add_query(form, "service", request.challenge.service);
    add_query(form, "client_id", "stack");
    for (const std::string& part : base::split(scope, ' ')) add_query(form, "scope", part);
    add_query(form, "refresh_token", known->identity_token);
    http.method = "POST";
    http.headers.emplace_back("Content-Type: application/x-www-form-urlencoded");
    http.body = HttpBody{form.query};
  } else {
    if (!request.challenge.service.empty()) add_query(url, "service", request.challenge.service);
    for (const std::string& part : base::split(scope, ' ')) add_query(url, "scope", part);
    if (request.with_password) {
      http.authorization = "Basic " + base::base64(known->user + ":" + known->password);
    }
  }
  http.url = url.str();
  http.headers.emplace_back("Accept: application/json");
  const auto own = parse_url("https://" + endpoint_.host);
  http.tls = own && own->host == url.host ? endpoint_.tls : config_.tls_of(url.authority());
  auto body = std::make_shared<std::string>();
  HttpCallbacks callbacks;
  callbacks.on_body = [body](std::span<const std::byte> bytes) {
    if (body->size() + bytes.size() > kLongestToken) return false;
    body->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
  };
  callbacks.on_done = [this, request, body](const HttpOutcome& outcome) {
    answered(request, outcome, *body);
  };
  loop_.start(std::move(http), std::move(callbacks));
}

void Authenticator::answered(TokenRequest request, const HttpOutcome& outcome,
                             const std::string& body) {
  const std::string server = "the token server " + request.realm.shown();
  const unsigned status = outcome.response.status;
  const bool broken = outcome.failure && outcome.failure->kind != HttpFailure::Kind::Refused &&
                      outcome.failure->kind != HttpFailure::Kind::Certificate;
  if ((broken || status == 429 || status >= 500) && ++request.tries < kTokenTries) {
    loop_.after(std::chrono::milliseconds(300) * request.tries, [this, request] { send(request); });
    return;
  }
  std::string refusal;
  if (outcome.failure) {
    const bool large = outcome.failure->kind == HttpFailure::Kind::Refused;
    refusal = base::cat(server, ": ", large ? "its answer is too long" : outcome.failure->text);
  } else if (status == 401 || status == 403) {
    refusal = server + (request.with_password ? " refuses user or password" : " gives none");
  } else if (status != 200) {
    refusal = base::cat(server, " answers ", status);
  } else {
    refusal = take_token(request, body);
    if (!refusal.empty()) refusal = base::cat(server, ": ", refusal);
  }
  tell(request.scope, refusal);
}

std::string Authenticator::take_token(const TokenRequest& request, const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object()) return "its answer is not JSON";
  std::string token = text_of(json, "token");
  if (token.empty()) token = text_of(json, "access_token");
  if (!is_token_text(token)) return "its answer has no token that could stand in a header";
  std::int64_t seconds = 60;  // the default of the specification
  if (const auto at = json.find("expires_in"); at != json.end() && at->is_number_integer()) {
    seconds = std::clamp<std::int64_t>(at->get<std::int64_t>(), 10, 24LL * 3600);
  }
  tokens_[request.scope] = {std::move(token),
                            base::sys::monotonic_now() + std::chrono::seconds(seconds) - kLeeway};
  return {};
}

void Authenticator::tell(const std::string& scope, const std::string& refusal) {
  const std::vector<Answer> queue = std::move(waiting_[scope]);
  waiting_.erase(scope);
  for (const Answer& then : queue) then(refusal);
}

}  // namespace fetch
