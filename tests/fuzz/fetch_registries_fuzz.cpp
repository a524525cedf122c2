// Any bytes as registries.yaml: refused with its place, or read into rules whose endpoints can be
// asked.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "base/text.hpp"
#include "fetch/mirrors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  fetch::RegistriesConfig config;
  try {
    config = fetch::parse_registries(text, "registries.yaml");
  } catch (const base::Error& error) {
    if (!base::starts_with(error.what(), "registries.yaml:")) std::abort();
    return 0;
  }
  if (config.parallel < 1 || config.parallel > 16 || config.tries < 1 || config.tries > 20)
    std::abort();
  for (const auto& [host, rules] : config.hosts) {
    const auto endpoints = fetch::endpoints_of(config, host);
    if (endpoints.size() != rules.mirrors.size() + 1 || endpoints.back().mirror) std::abort();
    for (const fetch::Endpoint& each : endpoints) {
      if (each.host.empty() || each.host.find('/') != std::string::npos) std::abort();
    }
  }
  return 0;
}
