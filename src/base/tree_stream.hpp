// A tree of files as a stream of bytes between two processes of ours, for `cp`: the one that reads
// it need not see the file system of the one that wrote it. Top first, folders before what is in
// them, each entry with its metadata, a file's bytes behind it, then an end. Nothing that is read
// is trusted: names are checked, lengths bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

struct TreeEntry {
  enum class Kind : std::uint8_t { End, Folder, File, Link, Pipe, Device };
  Kind kind = Kind::End;
  std::string path;    // below the top, "" the top itself; never absolute, never with ".."
  std::string target;  // of a link
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::int64_t mtime_ns = 0;
  std::uint64_t size = 0;  // of a file: so many bytes follow
};

// True for what a TreeEntry's path may be.
bool is_tree_path(std::string_view path);

// All throw SysError when the other side has gone, Error for what is no such stream.
void write_entry(int fd, const TreeEntry& entry);
TreeEntry read_entry(int fd);
// Exactly `size` bytes from one to the other; of a source that ends early the rest is zeros and
// false is returned, for the entry has promised them. Bytes of a stream that ends throw.
enum class Short : std::uint8_t { Fill, Refuse };
bool copy_bytes(int from, int to, std::uint64_t size, Short when_short);
// Reads and drops.
void drop_bytes(int from, std::uint64_t size);

}  // namespace base
