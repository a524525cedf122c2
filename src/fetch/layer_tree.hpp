// LayerTree: makes the entries of one layer below a folder, by descriptor only: every path is
// resolved by the kernel with that folder as its root (openat2), so that no name and no link leads
// out. Whiteouts become overlay's: a character device 0:0, and trusted.overlay.opaque.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.hpp"

namespace fetch {

struct EntryAttributes {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t mode = 0;  // with set-uid, set-gid, sticky
  timespec modified{};
  std::vector<std::pair<std::string, std::string>> xattrs;
};

class LayerTree {
 public:
  explicit LayerTree(base::Fd root) : root_(std::move(root)) {}

  // Where an entry goes: its folder, made when missing, and its last name ("" means the root
  // itself).
  struct Target {
    int folder = -1;  // owned by the tree, valid until the next call
    std::string name;
  };
  Target locate(const std::string& path);

  // An entry replaces what an earlier one of the layer put there; a folder over a folder keeps what
  // is in it.
  void folder(const std::string& path, const EntryAttributes& attributes);
  void symlink(const std::string& path, const std::string& target,
               const EntryAttributes& attributes);
  void hard_link(const std::string& path, const std::string& target);
  void fifo(const std::string& path, const EntryAttributes& attributes);
  // Empty yet; write, then finish_file(). Has its mode already, but for set-uid and the like.
  base::Fd file(const std::string& path, mode_t mode);
  static void finish_file(int fd, const std::string& path, const EntryAttributes& attributes);
  // A device, never made: links to it are left out too.
  void skip(const std::string& path) { skipped_.insert(path); }
  // `.wh.NAME` and `.wh..wh..opq`; false when `path` is neither. Throws for `.wh..` and the like.
  bool whiteout(const std::string& path);

  // Folders that no entry described: they were made to hold one, and are the lower layer's in
  // truth.
  [[nodiscard]] const std::set<std::string>& implied() const { return implied_; }
  // Times of folders, which every entry in them has changed since.
  void finish();

 private:
  base::Fd open_folder(const std::string& path, unsigned depth);
  void clear(const Target& target, const std::string& path);

  base::Fd root_, cached_;
  std::string cached_path_;
  bool has_cached_ = false;
  std::map<std::string, timespec> folder_times_;
  std::set<std::string> skipped_, implied_;
};

// "./a//b/../c" → "a/c"; what would lead above the root stays in it, as everywhere. Throws for a
// name that is empty, too long, or has a NUL.
std::string normal_entry_path(std::string_view written);

}  // namespace fetch
