// Any bytes as a value with variables. A mistake lies at a '$' of the value, as every name without
// a value does; a text without '$' is left as it is.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "spec/interpolate.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const spec::Substitution done = spec::substitute(text, [](const std::string& name) {
    if (name == "E") return std::optional<std::string>("");
    return name.size() == 1 ? std::optional<std::string>("$value") : std::nullopt;
  });
  const auto check = [&](std::size_t at) {
    if (at >= text.size()) std::abort();
  };
  if (!done.error.empty()) {
    check(done.error_at);
  } else if (text.find('$') == std::string_view::npos && done.text != text) {
    std::abort();
  }
  for (const spec::Substitution::Unset& unset : done.unset) {
    check(unset.at);
    if (text[unset.at] != '$') std::abort();
  }
  return 0;
}
