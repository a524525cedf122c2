// LogCursor: reads a container's raw log piece by piece from a position that can be written down,
// each stream by itself: what feeds the derived formats. Exact: going on from a position gives
// every later byte once. Knows the layout of log_index.hpp; knows no formats.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "supervisor/log_index.hpp"

namespace supervisor {

struct StreamPosition {
  std::uint64_t segment = 1;
  std::uint64_t offset = 0;  // in its data file
};
using LogPosition = std::array<StreamPosition, 2>;  // out, err

struct LogPiece {
  bool err = false;
  bool whole = true;      // ended by a newline; otherwise it goes on in the next piece
  bool first = true;      // begins a line
  std::int64_t time = 0;  // nanoseconds since the epoch
  std::string text;       // without the newline
};

class LogCursor {
 public:
  // A longer line comes in pieces, as docker's drivers cut it.
  static constexpr std::size_t kLongestPiece = 16U << 10U;

  LogCursor(std::string dir, LogPosition from);

  enum class Rest : std::uint8_t { Waits, Comes };  // a line whose end is not there yet
  // The older of both streams' next pieces, until taken; null: nothing for now.
  const LogPiece* peek(Rest rest);
  void take();
  // Behind the last piece taken.
  [[nodiscard]] LogPosition position() const;
  // Bytes that are there and not taken.
  [[nodiscard]] std::uint64_t behind() const;
  // The oldest segment that is still needed.
  [[nodiscard]] std::uint64_t oldest() const;
  // Segments that were removed before they were read.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  struct Stream {
    StreamPosition at;    // behind what was taken
    StreamPosition next;  // behind `head`
    std::optional<LogPiece> head;
    bool inside = false;       // the last piece taken was not whole
    std::uint64_t record = 0;  // of the index, at or before `at`
    std::uint64_t open = 0;    // number of the segment that is open; 0: none
    base::Fd data, index;
    std::string window;  // bytes of `data` from `window_at` on
    std::uint64_t window_at = 0;
    std::vector<LogRecord> records;  // of `index` from `records_at` on
    std::uint64_t records_at = 0;
  };
  void fill(std::size_t number, Rest rest);
  bool open(std::size_t number, std::uint64_t segment);
  std::string_view view(Stream& stream, std::uint64_t offset);
  std::int64_t time_of(std::size_t number, const StreamPosition& at);
  const LogRecord* record(Stream& stream, std::uint64_t i);
  [[nodiscard]] bool exists(std::uint64_t segment) const;

  std::string dir_;
  std::array<Stream, 2> streams_;
  std::size_t chosen_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace supervisor
