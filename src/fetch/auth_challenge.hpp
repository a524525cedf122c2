// What a registry says when it answers 401 (RFC 9110 11.6.1, and the distribution's token
// specification), and the rule for where a password may go. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fetch/http_url.hpp"

namespace fetch {

struct Challenge {
  enum class Kind : std::uint8_t { Basic, Bearer };
  Kind kind = Kind::Basic;
  std::string realm, service, scope;
};

// The known ones of all WWW-Authenticate headers, in their order.
std::vector<Challenge> parse_challenges(const std::vector<std::string>& headers);

// How far what `registry` says can be trusted to come from it.
enum class Channel : std::uint8_t {
  Verified,  // https with a checked certificate, or loopback
  Open,      // plain http or an unchecked certificate, because the administrator wants it so
};

// A registry may name a token server on another host, as docker.io does. What it can ask of a
// password it gets anyway, so following its word loses nothing, as long as it is its word: on the
// registry's own host always (but never from https down to http), elsewhere only over https and
// only when the registry's answer came over a verified channel.
bool may_send_password(const Url& registry, Channel channel, const Url& realm);
// Whether a token may be asked for at all, with or without a password: never from https to http.
bool may_ask_token(const Url& registry, const Url& realm);

// The scope to ask for: the registry's own wording when it is about `wanted`'s repository and
// actions as wide, otherwise `wanted` ("repository:NAME:pull").
std::string choose_scope(const std::string& wanted, const std::string& offered);

// Printable, without spaces: what may stand in a header.
bool is_token_text(std::string_view text);

}  // namespace fetch
