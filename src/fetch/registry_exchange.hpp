// Connection: one repository at one endpoint. A Call is one logical request: the connection adds
// authentication, follows redirects, tries again after what may pass, and reports the rest as one
// error that names the object. Knows status codes; nothing of manifests or layers.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "fetch/auth.hpp"
#include "fetch/http.hpp"
#include "fetch/http_url.hpp"
#include "fetch/mirrors.hpp"

namespace fetch {

class RegistryError : public base::Error {
 public:
  enum class Kind : std::uint8_t {
    NotFound,     // 404
    Denied,       // 401, 403
    Unreachable,  // nobody answers, or not in time, however often asked
    Wrong,        // an answer that must not be believed
    Refused,      // any other status
  };
  RegistryError(Kind kind, const std::string& text, std::string hint = {})
      : base::Error(text, std::move(hint)), kind_(kind) {}
  [[nodiscard]] Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

// Thrown by a callback of a Call: this attempt is worth nothing, another may be.
class TryAgain : public base::Error {
 public:
  using base::Error::Error;
};

enum class Repeat : std::uint8_t { Allowed, Never };

struct Call {
  std::string method = "GET";
  std::string path;             // below the repository: "/manifests/7"
  std::optional<Url> location;  // instead of path: where an upload goes on
  std::vector<std::string> headers;
  std::optional<HttpBody> body;
  std::string scope;   // "repository:NAME:pull"
  std::string object;  // for errors: "manifest 7 of localhost:5000/app"
  std::vector<unsigned> accept = {200};
  Repeat repeat = Repeat::Allowed;
  // Asked before each attempt: "Range: ...".
  std::function<std::vector<std::string>()> more_headers;
  // Of an accepted status only. May throw TryAgain, or the final error.
  std::function<void(const HttpResponse&)> on_response;
  std::function<void(std::span<const std::byte>)> on_body;
  std::function<void(std::uint64_t)> on_sent;
  std::function<void(const HttpResponse&)> on_done;
  std::function<void(std::exception_ptr)> on_error;
  // Bytes that are kept: an attempt that added some does not count as failed.
  std::function<std::uint64_t()> kept;
  std::function<void(const std::string&)> on_retry;  // for progress: why it is tried again
};

class Connection {
 public:
  Connection(HttpLoop& loop, const RegistriesConfig& config, Endpoint endpoint,
             std::string repository);

  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] const std::string& repository() const { return repository_; }
  [[nodiscard]] std::string pull_scope() const { return "repository:" + full_name() + ":pull"; }
  [[nodiscard]] std::string push_scope() const {
    return "repository:" + full_name() + ":pull,push";
  }

  // Where a Location of the registry leads; throws RegistryError, naming `object`.
  [[nodiscard]] Url resolve(const std::string& location, const std::string& object) const;

  void send(Call call);
  // Runs the loop until this one is done; throws its error.
  HttpResponse perform(Call call);

 private:
  struct Running {
    Call call;
    Url url;
    unsigned redirects = 0, challenges = 0, failures = 0, attempts = 0;
    std::uint64_t kept = 0;
    std::string authorization;
    HttpResponse response;
    bool home = false;  // went to the registry itself
    bool accepted = false;
    std::string complaint;  // the start of an error's body
  };
  using Shared = std::shared_ptr<Running>;

  [[nodiscard]] std::string full_name() const;
  [[nodiscard]] Url origin() const;
  void begin(const Shared& running);
  void start(const Shared& running);
  void done(const Shared& running, const HttpOutcome& outcome);
  void broke(const Shared& running, const HttpFailure& failure);
  void answered(const Shared& running);
  void redirected(const Shared& running);
  void unauthorised(const Shared& running);
  void again(const Shared& running, const std::string& why, unsigned tries, base::Duration pause);
  void fail(const Shared& running, RegistryError::Kind kind, const std::string& why,
            std::string hint = {});

  HttpLoop& loop_;
  const RegistriesConfig& config_;
  Endpoint endpoint_;
  bool may_fall_back_;  // loopback: to plain http, for all calls once one has found out
  std::string repository_;
  Authenticator auth_;
  std::minstd_rand random_;
};

// What an error body says in the distribution's form ("MANIFEST_UNKNOWN: ..."), printable, or "".
std::string registry_complaint(const std::string& body);

}  // namespace fetch
