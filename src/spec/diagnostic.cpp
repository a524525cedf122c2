#include "spec/diagnostic.hpp"

#include "base/text.hpp"

namespace spec {
namespace {

constexpr std::size_t kShownWidth = 160;
constexpr std::size_t kShownText = 1000;  // a key or value in it may be as long as the file

std::string_view line_of(const std::string& text, std::uint32_t line) {
  // A byte order mark takes no column.
  std::size_t from = base::starts_with(text, "\xef\xbb\xbf") ? 3 : 0;
  for (std::uint32_t i = 1; i < line; ++i) {
    from = text.find('\n', from);
    if (from == std::string::npos) return {};
    ++from;
  }
  std::string_view rest = std::string_view(text).substr(from);
  rest = rest.substr(0, rest.find('\n'));
  if (!rest.empty() && rest.back() == '\r') rest.remove_suffix(1);
  return rest;
}

std::string where(const Place& place, const Sources& sources) {
  if (!place.known()) return {};
  const std::string name =
      place.file < sources.size() ? sources[place.file].name : std::string("?");
  return base::cat(name, ":", place.line, ":", place.column, ": ");
}

// A file may hold anything: what would move the cursor or change colours is shown as '?'.
void append_shown(std::string& out, std::string_view text) {
  const bool cut = text.size() > kShownText;
  if (cut) text = text.substr(0, kShownText);
  while (cut && !text.empty() && (static_cast<unsigned char>(text.back()) & 0x80U) != 0) {
    text.remove_suffix(1);  // never half a character
  }
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? (c == '\t' ? ' ' : '?') : c;
  }
  if (cut) out += "...";
}

void append_excerpt(std::string& out, const Place& place, const Sources& sources,
                    const char* caret_on, const char* off) {
  if (!place.known() || place.file >= sources.size()) return;
  std::string_view line = line_of(sources[place.file].text, place.line);
  if (line.empty()) return;
  std::size_t column = place.column == 0 ? 0 : place.column - 1;
  if (column > line.size()) column = line.size();
  if (line.size() > kShownWidth) {
    const std::size_t from = column > kShownWidth / 2 ? column - kShownWidth / 2 : 0;
    line = line.substr(from, kShownWidth);
    column -= from;
  }
  // Continuation bytes of UTF-8 take no column on the screen.
  std::size_t shown = 0;
  for (std::size_t i = 0; i < column; ++i) {
    if ((static_cast<unsigned char>(line[i]) & 0xc0U) != 0x80U) ++shown;
  }
  const std::string number = std::to_string(place.line);
  out += base::cat("  ", number, " | ");
  append_shown(out, line);
  out += base::cat("\n  ", std::string(number.size(), ' '), " | ", std::string(shown, ' '),
                   caret_on, "^", off, "\n");
}

}  // namespace

std::string render(const Diagnostic& diagnostic, const Sources& sources, bool colour) {
  const char* off = colour ? "\x1b[0m" : "";
  const char* bold = colour ? "\x1b[1m" : "";
  const char* tint = "";
  const char* word = "error";
  switch (diagnostic.severity) {
    case Severity::Error:
      tint = colour ? "\x1b[1;31m" : "";
      break;
    case Severity::Warning:
      word = "warning";
      tint = colour ? "\x1b[1;33m" : "";
      break;
    case Severity::Note:
      word = "note";
      tint = colour ? "\x1b[1;36m" : "";
      break;
  }
  std::string out =
      base::cat(bold, where(diagnostic.place, sources), off, tint, word, ":", off, " ", bold);
  append_shown(out, diagnostic.text);
  out += base::cat(off, "\n");
  append_excerpt(out, diagnostic.place, sources, tint, off);
  if (!diagnostic.hint.empty()) {
    out += "  hint: ";
    append_shown(out, diagnostic.hint);
    out += "\n";
  }
  for (const Related& related : diagnostic.related) {
    out += base::cat("  ", where(related.place, sources), "note: ", related.text, "\n");
    append_excerpt(out, related.place, sources, "", "");
  }
  return out;
}

namespace {
std::string summary(const std::vector<Diagnostic>& diagnostics, const Sources& sources) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity != Severity::Error) continue;
    if (!out.empty()) out += "\n";
    out += where(diagnostic.place, sources) + diagnostic.text;
  }
  return out;
}
}  // namespace

SpecError::SpecError(std::vector<Diagnostic> diagnostics, Sources sources)
    : base::Error(summary(diagnostics, sources)),
      diagnostics_(std::move(diagnostics)),
      sources_(std::move(sources)) {}

}  // namespace spec
