// Errors for people: what is thrown becomes text on stderr and an exit status. Nothing else in cli
// decides what an error looks like.
#pragma once

#include <exception>
#include <string>
#include <vector>

#include "spec/diagnostic.hpp"

namespace cli {

inline constexpr int kDone = 0, kFailed = 1, kChangesPending = 2, kInterrupted = 130;

// "stack: error: text" and "  hint: ..." (each line of a hint indented), or the diagnostics of a
// SpecError.
std::string render_error(const std::exception& error, bool colour);
std::string render_error(const std::string& text, const std::string& hint, bool colour);
std::string render_warnings(const std::vector<spec::Diagnostic>& warnings,
                            const spec::Sources& sources, bool colour);

}  // namespace cli
