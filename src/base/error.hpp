// Error: what crosses a layer when a thing failed. The text names the object and what to do;
// `context()` adds the outer object in front while the exception travels up.
// Expected outcomes are values, not errors. Caught at the step boundary and in main.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace base {

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& text, std::string hint = {})
      : std::runtime_error(text), hint_(std::move(hint)) {}
  // What the person can do about it; may be empty.
  [[nodiscard]] const std::string& hint() const noexcept { return hint_; }

 private:
  std::string hint_;
};

// A failed system call: "open /run/x: Permission denied".
class SysError : public Error {
 public:
  SysError(int errnum, std::string_view call, std::string_view object, std::string hint = {});
  [[nodiscard]] int errnum() const noexcept { return errnum_; }

 private:
  int errnum_;
};

// Throws SysError for the current errno.
[[noreturn]] void throw_errno(std::string_view call, std::string_view object = {});

// "Permission denied", thread-safe, no allocation surprises.
std::string errno_text(int errnum);

// A lookup by name that failed although the caller required it; used for "did you mean".
std::string did_you_mean(std::string_view wrong, const std::string& best);

}  // namespace base
