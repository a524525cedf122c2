#include "executor/stack_look.hpp"

#include <sys/stat.h>

#include "base/sys.hpp"
#include "executor/cgroup.hpp"
#include "executor/observe.hpp"
#include "netfab/links.hpp"

namespace executor {

namespace {

using Version = std::tuple<ino_t, std::time_t, long>;

// Of the intent, which is replaced by a rename: another file each time.
Version version_of(const base::ProjectPaths& paths) {
  struct ::stat info {};
  if (::stat(paths.desired.c_str(), &info) != 0) return {};
  return {info.st_ino, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

// What `make` returns or throws goes to whom it was promised.
template <class T, class F>
void keep(std::promise<T>& promise, F&& make) {
  try {
    promise.set_value(make());
  } catch (...) {
    promise.set_exception(std::current_exception());
  }
}

}  // namespace

StackLook::StackLook(base::ProjectPaths paths)
    : paths_(std::move(paths)),
      began_(base::sys::monotonic_now()),
      version_(version_of(paths_)),
      thread_(std::async(std::launch::async, [this] { run(); })) {}

bool StackLook::serves(const std::string& project) const {
  return paths_.project == project &&
         base::sys::monotonic_now() - began_ < std::chrono::milliseconds(200);
}

void StackLook::run() {
  keep(routes_, [] {
    (void)CgroupHost::get();
    return netfab::host_routes();
  });
  keep(intent_, [this] { return looked_for_ = recorded_intent(paths_); });
  try {
    actual_ = observe(paths_);
    if (looked_for_) subjects_ = begin_looks(actual_, *looked_for_, nullptr);
    seen_.set_value();
  } catch (...) {
    seen_.set_exception(std::current_exception());
    return;
  }
  look_at_host(actual_, paths_);
  look_inside(subjects_, actual_, paths_);
}

planner::ActualState StackLook::take_actual() {
  seen_.get_future().get();
  look_at_processes(subjects_, paths_);
  thread_.get();
  return std::move(actual_);
}

void StackLook::look_again(planner::ActualState& actual,
                           const planner::DesiredState& wished) const {
  look_at_subjects(begin_looks(actual, wished, looked_for_ ? &*looked_for_ : nullptr), actual,
                   paths_);
  look_at_networks(actual, wished);
}

bool StackLook::is_torn() const {
  return version_of(paths_) != version_;
}

Seen observe_with_intent(const base::ProjectPaths& paths) {
  auto actual = std::async(std::launch::async, [&paths] { return observe(paths); });
  const Version before = version_of(paths);
  Seen out{recorded_intent(paths), {}};
  out.actual = actual.get();
  if (version_of(paths) != before) out.intent = recorded_intent(paths);
  return out;
}

}  // namespace executor
