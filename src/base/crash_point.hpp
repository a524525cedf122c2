// CrashPoint: a named place before or after a side effect, at which a test lets the process die.
// Compiled in only with STACK_CRASH_POINTS (builds for tests): a release has neither cost nor name.
// Switched on by STACK_CRASH_DIR=FOLDER, which keeper and supervisor inherit and containers never
// see. In the folder, all read anew at every point, so that a running process can be aimed at:
//   trace  when it exists, every point passed is appended to it: "ROLE:NAME"
//   at     "ROLE:NAME COUNT kill|stop": at the COUNTth passing, by whichever process, once
//   fired  what `at` is renamed to then, with the process's id as its content
#pragma once

#ifdef STACK_CRASH_POINTS

#include <string_view>

#include "base/text.hpp"

namespace base {

bool crash_points_on() noexcept;
void crash_point(std::string_view name) noexcept;

}  // namespace base

// Takes the parts of the name.
#define CRASH_POINT(...) \
  (::base::crash_points_on() ? ::base::crash_point(::base::cat(__VA_ARGS__)) : static_cast<void>(0))

#else

#define CRASH_POINT(...) static_cast<void>(0)

#endif
