#include "base/error.hpp"

#include <cerrno>
#include <cstring>

namespace base {

std::string errno_text(int errnum) {
  const char* text = strerrordesc_np(errnum);
  return text != nullptr ? text : "error " + std::to_string(errnum);
}

namespace {
std::string sys_text(int errnum, std::string_view call, std::string_view object) {
  std::string out(call);
  if (!object.empty()) out.append(" ").append(object);
  return out + ": " + errno_text(errnum);
}
}  // namespace

SysError::SysError(int errnum, std::string_view call, std::string_view object, std::string hint)
    : Error(sys_text(errnum, call, object), std::move(hint)), errnum_(errnum) {}

void throw_errno(std::string_view call, std::string_view object) {
  throw SysError(errno, call, object);
}

std::string did_you_mean(std::string_view wrong, const std::string& best) {
  if (best.empty() || best == wrong) return {};
  return "did you mean \"" + best + "\"?";
}

}  // namespace base
