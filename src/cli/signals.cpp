#include "cli/signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <string_view>

#include "base/sys.hpp"

namespace cli {

namespace {

constexpr std::size_t kSlots = 2;
// What a handler may touch: lock-free atomics only.
struct Slot {
  std::atomic<bool> used{false};
  std::atomic<int> pipe{-1};
  std::atomic<unsigned> count{0};
  std::atomic<unsigned> end_at{0};
};
std::array<Slot, kSlots> slots;
std::array<std::atomic<int>, 65> slot_of_signal;  // slot + 1; 0: none

extern "C" void on_signal(int signal) {
  const int saved_errno = errno;
  const int index = slot_of_signal[static_cast<std::size_t>(signal)].load();
  if (index > 0) {
    Slot& slot = slots[static_cast<std::size_t>(index - 1)];
    const unsigned seen = slot.count.fetch_add(1) + 1;
    const unsigned limit = slot.end_at.load();
    if (limit != 0 && seen >= limit) {
      static constexpr std::string_view kShowCursor = "\x1b[?25h";
      if (::isatty(STDERR_FILENO) == 1) {
        [[maybe_unused]] const auto n =
            ::write(STDERR_FILENO, kShowCursor.data(), kShowCursor.size());
      }
      ::_exit(130);
    }
    const auto byte = static_cast<unsigned char>(signal);
    [[maybe_unused]] const auto n = ::write(slot.pipe.load(), &byte, 1);
  }
  errno = saved_errno;
}

}  // namespace

Signals::Signals(std::initializer_list<int> signals) {
  auto ends = base::sys::pipe(O_NONBLOCK);
  read_ = std::move(ends.first);
  write_ = std::move(ends.second);
  while (slot_ + 1 < kSlots && slots[slot_].used.load()) ++slot_;
  Slot& slot = slots[slot_];
  slot.used = true;
  slot.pipe = write_.get();
  slot.count = 0;
  slot.end_at = 0;
  for (const int signal : signals) {
    slot_of_signal[static_cast<std::size_t>(signal)] = static_cast<int>(slot_) + 1;
    Saved saved{signal, {}};
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(signal, nullptr, &saved.before);
    if (saved.before.sa_handler == SIG_IGN) {  // started in the background: stays ignored
      slot_of_signal[static_cast<std::size_t>(signal)] = 0;
      continue;
    }
    ::sigaction(signal, &action, nullptr);
    saved_.push_back(saved);
  }
}

Signals::~Signals() {
  for (const Saved& each : saved_) {
    ::sigaction(each.signal, &each.before, nullptr);
    slot_of_signal[static_cast<std::size_t>(each.signal)] = 0;
  }
  slots[slot_].pipe = -1;
  slots[slot_].used = false;
}

unsigned Signals::count() const {
  return slots[slot_].count.load();
}

int Signals::take() {
  unsigned char byte = 0;
  return ::read(read_.get(), &byte, 1) == 1 ? byte : 0;
}

void Signals::end_at(unsigned count) {
  slots[slot_].end_at = count;
}

}  // namespace cli
