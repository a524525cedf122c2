// Diagnostics: what is wrong with a stack file, each with its place, its hint and related places.
// Collected, sorted by place, and shown all at once. SpecError carries them when one is an error.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "spec/place.hpp"

namespace spec {

enum class Severity : std::uint8_t { Error, Warning, Note };

struct Related {
  Place place;
  std::string text;
};

struct Diagnostic {
  Severity severity = Severity::Error;
  Place place;
  std::string text;
  std::string hint;
  std::vector<Related> related;
};

// The text of the files read, for showing the line with a caret. Index is Place::file.
// What a file is read for; Override: a later -f.
enum class SourceRole : std::uint8_t { Stack, Override, Included, Extended, Variables, EnvFile };
struct SourceFile {
  std::string name;  // as shown to people
  std::string text;
  SourceRole role = SourceRole::Stack;
  Place from;  // of the include, extends or env_file that named it
};
using Sources = std::vector<SourceFile>;

// "app.yaml:3:5: error: text" with the source line, a caret and the hint. `colour`: ANSI.
std::string render(const Diagnostic& diagnostic, const Sources& sources, bool colour);

class SpecError : public base::Error {
 public:
  SpecError(std::vector<Diagnostic> diagnostics, Sources sources);
  [[nodiscard]] const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }
  [[nodiscard]] const Sources& sources() const { return sources_; }

 private:
  std::vector<Diagnostic> diagnostics_;
  Sources sources_;
};

}  // namespace spec
