#include <cstddef>
#include <cstdint>
#include <string_view>

#include "spec/dotenv.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const spec::DotenvFormat format : {spec::DotenvFormat::Expanded, spec::DotenvFormat::Raw}) {
    spec::Report report;
    spec::DotenvOptions options;
    options.format = format;
    (void)spec::parse_dotenv(
        text, options, [](const std::string&) { return std::optional<std::string>("v"); }, report);
  }
  return 0;
}
