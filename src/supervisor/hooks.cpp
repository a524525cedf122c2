#include "supervisor/hooks.hpp"

#include <algorithm>

#include "base/sys.hpp"

namespace supervisor {

HookRunner::HookRunner(Loop& loop, Request request, Done done)
    : loop_(loop),
      request_(std::move(request)),
      deadline_(base::sys::monotonic_now() + request_.timeout),
      done_(std::move(done)) {
  next();
}

void HookRunner::next() {
  const base::Duration left = deadline_ - base::sys::monotonic_now();
  running_ = std::make_unique<InsideProgram>(
      loop_,
      InsideRequest{request_.container, request_.paths, request_.target, request_.hooks[at_],
                    std::max(left, base::Duration{0})},
      [this](const InsideResult& result) {
        Failure failure;
        if (!result.ok) {
          failure.text =
              base::cat(request_.kind, " hook \"", base::join(request_.hooks[at_].command, " "),
                        "\": ", result.ending);
          failure.output = result.output;
        } else if (++at_ < request_.hooks.size()) {
          next();
          return;
        }
        const Done done = std::move(done_);
        done(failure);  // may destroy us: last
      });
}

}  // namespace supervisor
