#include "base/tree_stream.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"

namespace base {

namespace {

constexpr std::uint32_t kTreeMagic = 0x73746b31;  // "stk1"
constexpr std::size_t kLongestName = 64U << 10U;

struct TreeHeader {
  std::uint32_t magic, kind, mode, uid, gid, path_size, target_size, unused;
  std::int64_t mtime_ns;
  std::uint64_t size;
};
static_assert(sizeof(TreeHeader) == 48);

// False at the end of the stream before the first byte.
bool read_whole(int fd, char* to, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(fd, to + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("read", "the copied files");
    if (n == 0) {
      if (done == 0) return false;
      throw Error("the other side of the copy ended in the middle");
    }
    done += static_cast<std::size_t>(n);
  }
  return true;
}

std::string read_name(int fd, std::uint32_t size) {
  if (size > kLongestName) throw Error("a name in the copied files is too long");
  std::string out(size, '\0');
  if (size != 0 && !read_whole(fd, out.data(), out.size())) {
    throw Error("the other side of the copy ended in the middle");
  }
  return out;
}

}  // namespace

bool is_tree_path(std::string_view path) {
  if (path.empty()) return true;
  if (path.find('\0') != std::string_view::npos) return false;
  const auto parts = split(path, '/');
  return std::none_of(parts.begin(), parts.end(), [](const std::string& part) {
    return part.empty() || part == "." || part == "..";
  });
}

void write_entry(int fd, const TreeEntry& entry) {
  if (entry.path.size() > kLongestName || entry.target.size() > kLongestName) {
    throw Error(cat(entry.path.substr(0, 100), "...: the name is too long"));
  }
  TreeHeader header{};
  header.magic = kTreeMagic;
  header.kind = static_cast<std::uint32_t>(entry.kind);
  header.mode = entry.mode;
  header.uid = entry.uid;
  header.gid = entry.gid;
  header.path_size = static_cast<std::uint32_t>(entry.path.size());
  header.target_size = static_cast<std::uint32_t>(entry.target.size());
  header.mtime_ns = entry.mtime_ns;
  header.size = entry.size;
  std::string bytes(sizeof(header), '\0');
  std::memcpy(bytes.data(), &header, sizeof(header));
  sys::write_all(fd, cat(bytes, entry.path, entry.target), "the copied files");
}

TreeEntry read_entry(int fd) {
  TreeHeader header{};
  std::array<char, sizeof(header)> bytes{};
  if (!read_whole(fd, bytes.data(), bytes.size())) {
    throw Error("the other side of the copy ended too early");
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kTreeMagic ||
      header.kind > static_cast<std::uint32_t>(TreeEntry::Kind::Device)) {
    throw Error("the other side of the copy sent something else");
  }
  TreeEntry out;
  out.kind = static_cast<TreeEntry::Kind>(header.kind);
  out.mode = header.mode;
  out.uid = header.uid;
  out.gid = header.gid;
  out.mtime_ns = header.mtime_ns;
  out.size = header.size;
  out.path = read_name(fd, header.path_size);
  out.target = read_name(fd, header.target_size);
  if (!is_tree_path(out.path)) throw Error(cat("\"", out.path, "\" leads out of what is copied"));
  return out;
}

bool copy_bytes(int from, int to, std::uint64_t size, Short when_short) {
  std::array<char, 65536> piece{};
  bool ended = false;
  while (size > 0) {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(size, piece.size()));
    ssize_t n = 0;
    if (!ended) {
      n = ::read(from, piece.data(), most);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0 && when_short == Short::Refuse) throw Error("the copy ended in the middle");
      ended = n <= 0;
    }
    if (ended) {
      n = static_cast<ssize_t>(most);
      std::fill_n(piece.begin(), most, '\0');
    }
    sys::write_all(to, {piece.data(), static_cast<std::size_t>(n)}, "the copied files");
    size -= static_cast<std::uint64_t>(n);
  }
  return !ended;
}

void drop_bytes(int from, std::uint64_t size) {
  std::array<char, 65536> piece{};
  while (size > 0) {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(size, piece.size()));
    if (!read_whole(from, piece.data(), most)) throw Error("the copy ended in the middle");
    size -= most;
  }
}

}  // namespace base
