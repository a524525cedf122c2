// What the machine's administrator says of registries (/etc/stack/registries.yaml): mirrors in
// their order, plain http, certificate authorities, bounds of time. Every value has its place in
// messages, and an unknown key is an error. docs/registries.md describes the file.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fetch/http.hpp"

namespace fetch {

// How to speak to a host that serves images.
enum class Scheme : std::uint8_t {
  Https,
  PlainHttp,
  Either,  // loopback: TLS where it is spoken, otherwise plain http
};

struct HostRules {
  bool plain_http = false;
  Tls tls;
  std::vector<std::string> mirrors;  // as written: [http[s]://]HOST[:PORT][/PREFIX]
};

struct RegistriesConfig {
  std::map<std::string, HostRules> hosts;  // by HOST[:PORT] as in references
  HttpBounds bounds;
  unsigned parallel = 4;    // layers at once, of one pull or push
  unsigned tries = 6;       // of one request, progress starts the count anew
  std::uint64_t chunk = 0;  // bytes of one part of an upload; 0: in one piece

  [[nodiscard]] Tls tls_of(const std::string& authority) const;
};

// One place that an image can come from.
struct Endpoint {
  std::string host;    // HOST[:PORT] to connect to
  std::string prefix;  // a mirror's path before the repository, "cache" for example
  Scheme scheme = Scheme::Https;
  Tls tls;
  bool mirror = false;
  std::string registry;  // whose password is used; a mirror's own host
};

// `path` (STACK_REGISTRIES, else /etc/stack/registries.yaml); a missing file is the defaults,
// except when the environment names it. Throws base::Error with FILE:LINE:COLUMN.
RegistriesConfig load_registries();
RegistriesConfig parse_registries(const std::string& text, const std::string& path);

// The mirrors of a registry in their order, then the registry itself (docker.io lives at
// registry-1.docker.io).
std::vector<Endpoint> endpoints_of(const RegistriesConfig& config, const std::string& registry);

}  // namespace fetch
