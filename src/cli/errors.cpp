#include "cli/errors.hpp"

#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/terminal.hpp"

namespace cli {

namespace {
void add_line(std::string& out, const std::string& text) {
  out += text;
  if (out.empty() || out.back() != '\n') out += '\n';
}

// "compose.yaml:4:15: error: ...": says already what it is.
bool begins_with_place(const std::string& text) {
  const std::size_t end = text.find(": error: ");
  if (end == std::string::npos || end == 0) return false;
  std::size_t at = end;
  for (int numbers = 0; numbers < 2; ++numbers) {
    const std::size_t before = at;
    while (at > 0 && text[at - 1] >= '0' && text[at - 1] <= '9') --at;
    if (at == before || at == 0 || text[at - 1] != ':') return false;
    --at;
  }
  return at > 0;
}
}  // namespace

std::string render_error(const std::string& text, const std::string& hint, bool colour) {
  std::string out;
  if (!begins_with_place(text)) {
    out = base::cat("stack: ", paint("error:", Colour::Red, colour), " ");
  }
  add_line(out, text);
  if (hint.empty()) return out;
  const auto lines = base::split(base::trim(hint), '\n');
  out += base::cat("  ", paint("hint:", Colour::Cyan, colour), " ", lines.front(), "\n");
  for (std::size_t i = 1; i < lines.size(); ++i) out += base::cat("  ", lines[i], "\n");
  return out;
}

std::string render_error(const std::exception& error, bool colour) {
  if (const auto* spec_error = dynamic_cast<const spec::SpecError*>(&error)) {
    if (spec_error->diagnostics().empty()) return render_error(error.what(), {}, colour);
    std::string out;
    for (const spec::Diagnostic& each : spec_error->diagnostics()) {
      add_line(out, spec::render(each, spec_error->sources(), colour));
    }
    return out;
  }
  const auto* ours = dynamic_cast<const base::Error*>(&error);
  std::string hint = ours != nullptr ? ours->hint() : std::string();
  if (const auto* failed = dynamic_cast<const base::SysError*>(&error);
      failed != nullptr && hint.empty() && ::geteuid() != 0 &&
      (failed->errnum() == EACCES || failed->errnum() == EPERM)) {
    hint = "run it as root, for example with sudo";
  }
  return render_error(error.what(), hint, colour);
}

std::string render_warnings(const std::vector<spec::Diagnostic>& warnings,
                            const spec::Sources& sources, bool colour) {
  std::string out;
  for (const spec::Diagnostic& each : warnings) add_line(out, spec::render(each, sources, colour));
  return out;
}

}  // namespace cli
