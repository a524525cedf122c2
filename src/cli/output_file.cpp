#include "cli/output_file.hpp"

#include <sys/stat.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace cli {

void write_output(const Context& context, const std::string& path, std::string_view text,
                  base::WriteOptions options) {
  const std::string target = base::absolute_path(context.cwd, path);
  struct stat there {};
  if (::lstat(target.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    throw base::Error(base::cat(path, " is there and is no plain file"), "name another one");
  }
  base::write_atomic(target, text, options);
}

}  // namespace cli
