// TableWatch: says when somebody took something out of a table of ours (a flushed firewall). Knows
// neither what the table should hold nor who puts it back.
#pragma once

#include "base/fd.hpp"

namespace netfab {

class TableWatch {
 public:
  // Of the network namespace it is made in.
  TableWatch();
  // Readable when changed() has something to look at.
  [[nodiscard]] int fd() const { return socket_.get(); }
  // Since the last call; our own replacements count too.
  bool changed();

 private:
  base::Fd socket_;
};

}  // namespace netfab
