// Signals as something to poll: while a Signals lives, the ones it names write a byte to its pipe
// and are counted. Handlers, not a blocked mask: programs that are started meanwhile inherit
// nothing.
#pragma once

#include <csignal>
#include <initializer_list>
#include <vector>

#include "base/fd.hpp"

namespace cli {

class Signals {
 public:
  // At most two live at a time (interrupts, window size), for different signals.
  explicit Signals(std::initializer_list<int> signals);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Readable once a signal came, until taken.
  [[nodiscard]] int fd() const { return read_.get(); }
  // How often a signal came so far, whoever read the pipe.
  [[nodiscard]] unsigned count() const;
  // The next signal that came, 0 when none.
  int take();
  // From now on the n-th signal in all ends the process at once with status 130.
  void end_at(unsigned count);

 private:
  struct Saved {
    int signal;
    struct sigaction before;
  };
  std::size_t slot_ = 0;
  base::Fd read_, write_;
  std::vector<Saved> saved_;
};

}  // namespace cli
