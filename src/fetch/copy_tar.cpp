// tar_pack(), tar_unpack(): the tar streams of `stack cp -`. Here and not in `stack`, for only this
// program is linked with libarchive.
#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/error.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "base/tree_stream.hpp"
#include "fetch/run.hpp"

namespace fetch {

namespace {

using base::TreeEntry;

struct FreeWriter {
  void operator()(struct archive* archive) const noexcept { ::archive_write_free(archive); }
};
struct FreeReader {
  void operator()(struct archive* archive) const noexcept { ::archive_read_free(archive); }
};
struct FreeTarEntry {
  void operator()(struct archive_entry* entry) const noexcept { ::archive_entry_free(entry); }
};

void check_tar(struct archive* archive, int result) {
  if (result >= ARCHIVE_WARN) return;
  const char* text = ::archive_error_string(archive);
  throw base::Error(base::cat("tar stream: ", text != nullptr ? text : "cannot be written"));
}

std::string name_in_tar(const std::string& top, const TreeEntry& entry) {
  std::string out = entry.path.empty() ? top : base::cat(top, "/", entry.path);
  if (entry.kind == TreeEntry::Kind::Folder) out += "/";
  return out;
}

void pack_entry(struct archive* tar, const std::string& top, const TreeEntry& entry) {
  const std::unique_ptr<struct archive_entry, FreeTarEntry> out(::archive_entry_new());
  ::archive_entry_set_pathname(out.get(), name_in_tar(top, entry).c_str());
  ::archive_entry_set_perm(out.get(), static_cast<mode_t>(entry.mode & 07777U));
  ::archive_entry_set_uid(out.get(), entry.uid);
  ::archive_entry_set_gid(out.get(), entry.gid);
  ::archive_entry_set_mtime(out.get(), entry.mtime_ns / 1'000'000'000,
                            static_cast<long>(entry.mtime_ns % 1'000'000'000));
  switch (entry.kind) {
    case TreeEntry::Kind::Folder:
      ::archive_entry_set_filetype(out.get(), AE_IFDIR);
      break;
    case TreeEntry::Kind::File:
      ::archive_entry_set_filetype(out.get(), AE_IFREG);
      ::archive_entry_set_size(out.get(), static_cast<la_int64_t>(entry.size));
      break;
    case TreeEntry::Kind::Link:
      ::archive_entry_set_filetype(out.get(), AE_IFLNK);
      ::archive_entry_set_symlink(out.get(), entry.target.c_str());
      break;
    case TreeEntry::Kind::Pipe:
    case TreeEntry::Kind::Device:
    case TreeEntry::Kind::End:
      return;
  }
  check_tar(tar, ::archive_write_header(tar, out.get()));
  std::string piece(65536, '\0');
  for (std::uint64_t left = entry.size; left > 0;) {
    const ssize_t n = ::read(STDIN_FILENO, piece.data(), std::min<std::uint64_t>(left, 65536));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw base::Error("the copy ended in the middle");
    const la_ssize_t written = ::archive_write_data(tar, piece.data(), static_cast<std::size_t>(n));
    if (written < 0) check_tar(tar, ARCHIVE_FATAL);
    left -= static_cast<std::uint64_t>(n);
  }
}

// "./a//b/" → "a/b"; throws for what would lead out.
std::string safe_name(const char* given) {
  std::vector<std::string> parts;
  for (std::string& part : base::split(given != nullptr ? given : "", '/')) {
    if (part.empty() || part == ".") continue;
    parts.push_back(std::move(part));
  }
  std::string out = base::join(parts, "/");
  if (!base::is_tree_path(out)) {
    throw base::Error(base::cat("tar stream: the name \"", out, "\" leads out of it"));
  }
  return out;
}

void send_data(struct archive* tar, std::uint64_t size) {
  std::string piece(65536, '\0');
  std::uint64_t left = size;
  while (left > 0) {
    const la_ssize_t n =
        ::archive_read_data(tar, piece.data(), std::min<std::uint64_t>(left, 65536));
    if (n < 0) check_tar(tar, ARCHIVE_FATAL);
    if (n == 0) throw base::Error("tar stream: it ends in the middle of a file");
    base::sys::write_all(STDOUT_FILENO, {piece.data(), static_cast<std::size_t>(n)}, "the copy");
    left -= static_cast<std::uint64_t>(n);
  }
}

void unpack_entry(struct archive* tar, struct archive_entry* in) {
  TreeEntry out;
  out.path = safe_name(::archive_entry_pathname(in));
  if (out.path.empty()) return;
  out.mode = ::archive_entry_perm(in) & 07777U;
  out.uid = static_cast<std::uint32_t>(::archive_entry_uid(in));
  out.gid = static_cast<std::uint32_t>(::archive_entry_gid(in));
  out.mtime_ns = static_cast<std::int64_t>(::archive_entry_mtime(in)) * 1'000'000'000;
  const char* hard = ::archive_entry_hardlink(in);
  if (hard != nullptr) {
    throw base::Error(
        base::cat("tar stream: ", out.path, " is a hard link, which cp does not take"));
  }
  switch (::archive_entry_filetype(in)) {
    case AE_IFDIR:
      out.kind = TreeEntry::Kind::Folder;
      break;
    case AE_IFREG:
      out.kind = TreeEntry::Kind::File;
      out.size = static_cast<std::uint64_t>(::archive_entry_size(in));
      break;
    case AE_IFLNK:
      out.kind = TreeEntry::Kind::Link;
      out.target = ::archive_entry_symlink(in) != nullptr ? ::archive_entry_symlink(in) : "";
      break;
    default:
      std::fprintf(stderr, "stack: warning: %s: neither a file nor a folder: left out\n",
                   out.path.c_str());
      return;
  }
  base::write_entry(STDOUT_FILENO, out);
  if (out.kind == TreeEntry::Kind::File) send_data(tar, out.size);
}

int say(const std::exception& error) {
  std::fprintf(stderr, "stack: error: %s\n", error.what());
  return 1;
}

}  // namespace

int tar_pack(const std::string& name) {
  try {
    const std::unique_ptr<struct archive, FreeWriter> tar(::archive_write_new());
    check_tar(tar.get(), ::archive_write_set_format_pax_restricted(tar.get()));
    check_tar(tar.get(), ::archive_write_set_bytes_in_last_block(tar.get(), 1));
    check_tar(tar.get(), ::archive_write_open_fd(tar.get(), STDOUT_FILENO));
    while (true) {
      const TreeEntry entry = base::read_entry(STDIN_FILENO);
      if (entry.kind == TreeEntry::Kind::End) break;
      pack_entry(tar.get(), name, entry);
    }
    check_tar(tar.get(), ::archive_write_close(tar.get()));
    return 0;
  } catch (const std::exception& error) {
    return say(error);
  }
}

int tar_unpack() {
  try {
    const std::unique_ptr<struct archive, FreeReader> tar(::archive_read_new());
    check_tar(tar.get(), ::archive_read_support_format_tar(tar.get()));
    check_tar(tar.get(), ::archive_read_support_filter_gzip(tar.get()));
    check_tar(tar.get(), ::archive_read_open_fd(tar.get(), STDIN_FILENO, 65536));
    // The top is the folder that all of it goes into.
    TreeEntry top;
    top.kind = TreeEntry::Kind::Folder;
    top.mode = 0755;
    base::write_entry(STDOUT_FILENO, top);
    while (true) {
      struct archive_entry* entry = nullptr;
      const int result = ::archive_read_next_header(tar.get(), &entry);
      if (result == ARCHIVE_EOF) break;
      check_tar(tar.get(), result);
      unpack_entry(tar.get(), entry);
    }
    base::write_entry(STDOUT_FILENO, {});
    return 0;
  } catch (const std::exception& error) {
    return say(error);
  }
}

}  // namespace fetch
