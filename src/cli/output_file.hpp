// write_output(): a file that a person named for what a command has to say (-o FILE).
#pragma once

#include <string>
#include <string_view>

#include "base/files.hpp"
#include "cli/context.hpp"

namespace cli {

// Atomically, relative to the caller's folder. Throws base::Error where something lies there that
// is no plain file: a rename would make one of /dev/null, too.
void write_output(const Context& context, const std::string& path, std::string_view text,
                  base::WriteOptions options);

}  // namespace cli
