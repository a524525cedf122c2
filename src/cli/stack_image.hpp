// Running stack-image: finds it, passes the globals on, reads its lines and shows them. Everything
// that handles bytes of images happens there; `stack` reads its own helper's JSON only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.hpp"

namespace cli {

// Beside our own program, in ../lib/stack or ../libexec/stack. Throws base::Error.
std::string stack_image_program();

struct ImageEvent {
  enum class Kind : std::uint8_t { Layer, Status, Image, Problem, Error, Other } kind = Kind::Other;
  std::string image, id, phase, text, hint;
  std::uint64_t current = 0, total = 0;
};
// Nothing when the line is not one of its objects. Pure.
std::optional<ImageEvent> parse_image_event(const std::string& line);

struct ImageRun {
  std::vector<std::string> words;  // command, options, names
  bool quiet = false;              // show nothing but errors
  // Called for each line besides what is shown.
  std::function<void(const ImageEvent&)> seen;
};
// Runs it to its end. Throws base::Error with the text that it gave. Returns whether it succeeded.
void run_stack_image(const Context& context, const ImageRun& run);

}  // namespace cli
