// Work that must not run in the loop (unbounded I/O, file systems a container can influence): done
// in a child of its own with a deadline.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/process.hpp"
#include "supervisor/loop.hpp"

namespace supervisor {

class ChildWork {
 public:
  explicit ChildWork(Loop& loop) : loop_(loop) {}
  ~ChildWork();
  ChildWork(const ChildWork&) = delete;
  ChildWork& operator=(const ChildWork&) = delete;

  // Forks; the child runs `work` and ends. `done` gets an empty text or what went wrong.
  void run(const std::function<void()>& work, base::Duration deadline,
           std::function<void(const std::string& error)> done);
  // The same for work that finds something out: at most 4 KiB.
  struct Answer {
    std::string text;
    std::string error;  // empty: `text` is the answer
  };
  void ask(const std::function<std::string()>& work, base::Duration deadline,
           std::function<void(const Answer&)> done);
  [[nodiscard]] bool idle() const { return jobs_.empty(); }

 private:
  struct Job {
    pid_t pid = 0;
    base::PidFd pidfd;
    base::Fd error;
    Loop::Id watch = 0, timer = 0;
    std::function<void(const Answer&)> done;
  };
  void finish(std::uint64_t id);

  Loop& loop_;
  std::map<std::uint64_t, Job> jobs_;
  std::uint64_t next_ = 1;
};

}  // namespace supervisor
