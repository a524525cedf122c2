// LogIndex: how a container's log lies on disk, shared by LogMover and LogReader. A segment N is
// three files, N.out and N.err (the raw bytes) and N.idx: fixed records in the order of arrival,
// each the sizes of both data files before what came at that time. A record is written before its
// bytes, so bytes in a data file always have one; the last record reaches to the files' ends. Knows
// no lines and no loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace supervisor {

struct LogRecord {
  std::uint64_t out = 0;  // bytes in N.out before it
  std::uint64_t err = 0;  // bytes in N.err before it
  std::int64_t time = 0;  // nanoseconds since the epoch
};
static_assert(sizeof(LogRecord) == 24);

inline constexpr std::uint64_t kLogRecordSize = sizeof(LogRecord);

// "0000000001.idx"; `kind`: "out", "err" or "idx".
std::string segment_file(std::uint64_t number, std::string_view kind);
// The number in such a name when it is of this kind.
std::optional<std::uint64_t> segment_number(std::string_view file, std::string_view kind);
// Numbers of the segments in `dir`, ascending. What counts is the index: it is created last and
// removed first, so that a segment seen by it is whole.
std::vector<std::uint64_t> list_segments(const std::string& dir);
// Removes all but the newest `keep` segments, and data files whose index is gone.
void prune_segments(const std::string& dir, unsigned keep);

}  // namespace supervisor
