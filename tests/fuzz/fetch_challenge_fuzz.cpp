// Any bytes as WWW-Authenticate headers, one a line, and as base64: what is read decides where
// passwords go, and goes into requests.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/base64.hpp"
#include "base/text.hpp"
#include "fetch/auth_challenge.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto registry = fetch::parse_url("https://registry.example.org");
  const auto open = fetch::parse_url("http://registry.example.org");
  for (const fetch::Challenge& each : fetch::parse_challenges(base::split(text, '\n'))) {
    const std::string wanted = "repository:app:pull";
    const std::string scope = fetch::choose_scope(wanted, each.scope);
    if (!base::starts_with(scope, "repository:app:")) std::abort();
    if (scope.find(' ') != std::string::npos) std::abort();
    const auto realm = fetch::parse_url(each.realm);
    if (!realm) continue;
    // Never from https down to http; never elsewhere by way of whoever sits in between.
    if (fetch::may_send_password(*registry, fetch::Channel::Verified, *realm) && !realm->is_https())
      std::abort();
    if (fetch::may_send_password(*open, fetch::Channel::Open, *realm) && realm->host != open->host)
      std::abort();
  }
  std::string out;
  if (base::unbase64(text, out)) {
    std::string again;
    if (!base::unbase64(base::base64(out), again) || again != out) std::abort();
  }
  if (!base::unbase64(base::base64(text), out) || out != text) std::abort();
  if (fetch::is_token_text(text) && text.find_first_of("\r\n \t") != std::string::npos)
    std::abort();
  return 0;
}
