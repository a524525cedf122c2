// What `logs` and a foreground `up` print: lines of several containers merged by time, each with
// its prefix. Pure but for the sources it is given.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/log_reader.hpp"

namespace cli {

// The next line of one container, or nothing for now.
using NextLine = std::function<std::optional<supervisor::LogLine>()>;

class LogMerger {
 public:
  struct Merged {
    std::size_t source = 0;
    supervisor::LogLine line;
  };
  // Returns the source's number.
  std::size_t add(NextLine next);
  // The oldest line that any source has now; ties by source. A source that has nothing holds no
  // other back: it would stop a live view for ever.
  std::optional<Merged> next();

 private:
  struct Source {
    NextLine next;
    std::optional<supervisor::LogLine> head;
  };
  std::vector<Source> sources_;
};

struct LogFormat {
  bool prefix = true, colour = false, timestamps = false;
};

class LogPrinter {
 public:
  explicit LogPrinter(LogFormat format) : format_(format) {}
  // Names are numbered in the order they are added; the prefix is as wide as the widest.
  void add(const std::string& name);
  [[nodiscard]] std::string text(std::size_t source, const supervisor::LogLine& line) const;
  [[nodiscard]] const std::string& name(std::size_t source) const { return names_[source]; }

 private:
  LogFormat format_;
  std::vector<std::string> names_;
  std::size_t width_ = 0;
};

// "shop-web-1" → "web-1" in project shop; other names (container_name) stay.
std::string short_name(const std::string& container, const std::string& project);

}  // namespace cli
