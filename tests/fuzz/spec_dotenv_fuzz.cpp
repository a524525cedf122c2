// Any bytes as an env file, in both formats. No variable holds a NUL byte or has no name, and every
// mistake has a place.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "spec/dotenv.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const spec::DotenvFormat format : {spec::DotenvFormat::Expanded, spec::DotenvFormat::Raw}) {
    spec::Report report;
    spec::DotenvOptions options;
    options.format = format;
    const auto pairs = spec::parse_dotenv(
        text, options,
        [](const std::string& name) {
          return name.size() == 1 ? std::optional<std::string>("v") : std::nullopt;
        },
        report);
    for (const auto& [key, value] : pairs) {
      if (key.empty() || value.find('\0') != std::string::npos) std::abort();
    }
    for (const spec::Diagnostic& one : report.sorted()) {
      if (!one.place.known()) std::abort();
    }
  }
  return 0;
}
