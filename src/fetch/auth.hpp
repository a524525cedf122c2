// Authenticator: what proves to one registry who asks. Starts with nothing (anonymous), learns from
// a 401 what is wanted, gets tokens and keeps them until they expire. Knows which host may see
// what; passwords stay in here and never stand in a message.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fetch/auth_challenge.hpp"
#include "fetch/auth_credentials.hpp"
#include "fetch/http.hpp"
#include "fetch/mirrors.hpp"

namespace fetch {

class Authenticator {
 public:
  Authenticator(HttpLoop& loop, const RegistriesConfig& config, Endpoint endpoint,
                std::string repository);
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  // The header for a request to the registry itself; empty while nothing is known to be needed.
  [[nodiscard]] std::string header(const std::string& scope) const;

  // "" when the request can be made again, otherwise why not.
  using Answer = std::function<void(std::string refusal)>;
  // `registry` answered 401. Calls `then` later, from the loop; or throws nothing and calls it now
  // when there is nothing to try. `used` is the header the request had.
  void challenged(const Url& registry, const HttpResponse& response, const std::string& scope,
                  const std::string& used, Answer then);
  // What was missing, for the error of a request that stayed refused: "no password for HOST ...".
  [[nodiscard]] std::string explain() const;

 private:
  struct Token {
    std::string value;
    base::Duration until{};
  };
  struct TokenRequest {
    Url realm;
    Challenge challenge;
    std::string scope;
    bool with_password = false;
    unsigned tries = 0;
  };

  const std::optional<Credentials>& credentials();
  [[nodiscard]] Channel channel(const Url& registry) const;
  void use_basic(const Url& registry, const std::string& used, const Answer& then);
  void ask_token(const Url& registry, const Challenge& challenge, const std::string& wanted,
                 Answer then);
  void send(const TokenRequest& request);
  void answered(TokenRequest request, const HttpOutcome& outcome, const std::string& body);
  std::string take_token(const TokenRequest& request, const std::string& body);
  void tell(const std::string& scope, const std::string& refusal);

  HttpLoop& loop_;
  const RegistriesConfig& config_;
  Endpoint endpoint_;
  std::string repository_;
  std::optional<std::optional<Credentials>> credentials_;  // looked up once, when first needed
  std::vector<std::string> notes_;
  std::string basic_;
  std::map<std::string, Token> tokens_;                 // by scope as wanted
  std::map<std::string, std::vector<Answer>> waiting_;  // by scope as wanted
  std::string withheld_;                                // the realm that was not given the password
};

}  // namespace fetch
