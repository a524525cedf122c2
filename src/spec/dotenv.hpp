// parse_dotenv(): .env files and env_file: KEY=VALUE, KEY: VALUE, export, quotes, multi-line
// quoted values, comments, variables of earlier lines. Takes what docker compose takes, and where
// that reads on after a mistake (an empty name, text behind a closing quote) says so instead.
// Source: 12-interpolation.md, .env syntax.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spec/interpolate.hpp"
#include "spec/report.hpp"

namespace spec {

enum class DotenvFormat : unsigned char { Expanded, Raw };  // `format: raw` takes lines as they are

struct DotenvOptions {
  std::uint32_t file = 0;  // for places
  DotenvFormat format = DotenvFormat::Expanded;
};

// In the order of the file, a later key replacing an earlier one. A key without '=' takes the
// value that `lookup` has, and is left out when it has none. All values together are at most 8 MiB.
std::vector<std::pair<std::string, std::string>> parse_dotenv(std::string_view text,
                                                              const DotenvOptions& options,
                                                              const Lookup& lookup, Report& report);

}  // namespace spec
