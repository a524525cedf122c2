// Files of ours: whole-file reads, atomic replacement, safe removal of trees, locks.
// Never for files that a container can influence (those are opened by descriptor, in a child).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"

namespace base {

// Whole content; throws SysError. `limit` in bytes.
std::string read_file(const std::string& path, std::size_t limit = 64U << 20U);
// At most the first `most` bytes, so that a file without end costs no more than that.
std::string read_start(const std::string& path, std::size_t most);
// Content, or nothing when the file does not exist.
std::optional<std::string> try_read_file(const std::string& path, std::size_t limit = 64U << 20U);

struct WriteOptions {
  unsigned mode = 0600;
  bool durable = false;  // fsync the file and its folder: for intent, not for runtime state
};
// Replaces the file by rename: readers see the old or the new content, never a part.
void write_atomic(const std::string& path, std::string_view content, WriteOptions options = {});
// As write_atomic, and nothing where the file says so already: no room of a full disk is needed.
void write_if_other(const std::string& path, std::string_view content);
// Writes into an existing kernel file (/proc, /sys, cgroup) with one write call.
void write_kernel(const std::string& path, std::string_view value);

bool exists(const std::string& path);
bool is_directory(const std::string& path);
// Names in a folder, sorted, without . and ..; a folder that does not exist is empty.
std::vector<std::string> list_dir(const std::string& path);
// Removes a file; absent is fine.
void remove_file(const std::string& path);
// Removes a tree without crossing into another file system or following links; absent is fine.
// Refuses (throws EBUSY) at a mount point.
void remove_tree(const std::string& path);
// The same for everything below an open folder; `path` is for messages.
void empty_folder(int dir, const std::string& path);

// flock(2) on `path`, created when absent; nothing when `wait` is false and another holds it.
struct LockOptions {
  bool wait = true;
  bool shared = false;
};
std::optional<Fd> lock_file(const std::string& path, LockOptions options = {});

// Normalises "a/../b//c" lexically; relative stays relative.
std::string clean_path(std::string_view path);
// `path` when absolute, else under `base`; cleaned.
std::string absolute_path(const std::string& base, std::string_view path);
std::string parent_dir(std::string_view path);
std::string base_name(std::string_view path);

}  // namespace base
