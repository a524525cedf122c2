// How a container goes: stopped, then everything of it.
#include <stdio.h>

#include <atomic>
#include <cerrno>

#include "base/crash_point.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "executor/cgroup.hpp"
#include "netfab/netns.hpp"
#include "supervisor/container_parts.hpp"

namespace supervisor {

void throw_away(const base::ProjectPaths& paths, const std::string& folder,
                const std::string& name) {
  if (!base::exists(folder)) return;
  static std::atomic<unsigned> counter{0};
  const std::string trash = paths.data + "/trash";
  base::sys::make_dir(trash, 0700);
  const std::string away =
      base::cat(trash, "/", name, ".", base::sys::monotonic_now().count(), ".", counter++);
  CRASH_POINT("trash/before");
  if (::rename(folder.c_str(), away.c_str()) != 0) base::throw_errno("rename", folder);
  CRASH_POINT("trash/after");
}

void Container::throw_away_data() {
  throw_away(host_.paths, host_.paths.container_data(spec_.name), spec_.name);
}

void Container::remove(const RemoveOptions& options, Done done) {
  stop(options.grace, [this, options, done = std::move(done)](const executor::StepResult& stopped) {
    stop_health();
    host_.logs.detach(spec_.name);
    host_.keeper.drop(spec_.name);
    out_.reset();
    err_.reset();
    stdin_.reset();
    finish_removal(options, done, stopped.text, 0);
  });
}

void Container::finish_removal(const RemoveOptions& options, const Done& done,
                               const std::string& text, unsigned attempt) {
  try {
    // The last process may still be on its way out: try again in a moment rather than wait here.
    executor::remove_cgroup(host_.paths.container_cgroup(spec_.name), base::Duration{0});
  } catch (const base::Error& error) {
    if (attempt < 500) {
      const base::Duration pause = std::chrono::milliseconds(attempt < 20 ? 1 : 10);
      exit_timer_ = host_.loop.after(pause, [this, options, done, text, attempt] {
        finish_removal(options, done, text, attempt + 1);
      });
      return;
    }
    done(failed_step(error));
    return;
  }
  CRASH_POINT("removal/cgroup-gone");
  tell("destroy");
  try {
    if (options.empty) options.empty();
    throw_away_data();
    if (options.keep_network) {
      base::remove_file(host_.paths.record(spec_.name));
      base::remove_file(host_.paths.state(spec_.name));
    } else {
      netfab::remove_netns(host_.paths.netns(spec_.name));
      executor::remove_container_dirs(spec_.name, host_.paths);
    }
    done({true, text, {}});
  } catch (const base::Error& error) {
    done(failed_step(error));
  }
}

}  // namespace supervisor
