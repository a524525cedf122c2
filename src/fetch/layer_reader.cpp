#include "fetch/layer_reader.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/text.hpp"
#include "fetch/layer_tree.hpp"
#include "fetch/tar_headers.hpp"

namespace fetch {

namespace {

constexpr std::size_t kHole = 4096, kBlock = 512;
constexpr std::size_t kMostHeaders = 64U << 20U;  // libarchive reads at most 32 of 1 MiB in a row

struct FreeArchive {
  void operator()(struct archive* archive) const noexcept { ::archive_read_free(archive); }
};
using Archive = std::unique_ptr<struct archive, FreeArchive>;

// The uncompressed stream as libarchive reads it, hashed on the way. Of what libarchive was given,
// the bytes that it has not used yet, and the headers that it is just reading, can be looked at.
struct Stream {
  ByteSource source;
  Hasher hasher;
  std::exception_ptr failure;  // must not pass through libarchive's frames
  std::uint64_t total = 0;
  bool padded = false;

  std::string_view chunk;  // given last
  std::string kept;        // given before it
  std::string across;      // headers() of several chunks
  std::uint64_t given = 0;
  std::optional<std::uint64_t> headers_at;

  std::string_view next() {
    const std::string_view bytes = source.next();
    hasher.update(bytes);
    total += bytes.size();
    return bytes;
  }
  // Some tools leave the padding of the last block out; readers elsewhere do without, libarchive
  // does not.
  std::string_view next_padded() {
    static constexpr std::array<char, kBlock> kZeros{};
    const std::string_view bytes = next();
    if (!bytes.empty() || padded || total % kBlock == 0) return bytes;
    padded = true;
    return {kZeros.data(), kBlock - total % kBlock};
  }
  // The next chunk for libarchive, which has used up what comes before `used`.
  std::string_view give(std::uint64_t used) {
    const std::uint64_t begin = given - chunk.size(), from = headers_at.value_or(used);
    const std::uint64_t kept_begin = begin - kept.size();
    kept.erase(0, from - std::min(from, kept_begin));
    kept.append(chunk.substr(from - std::min(from, begin)));
    if (kept.size() > kMostHeaders)
      throw base::Error(
          base::cat("headers of more than ", base::human_size(kMostHeaders), " are refused"));
    chunk = next_padded();
    given += chunk.size();
    return chunk;
  }
  // From `headers_at` to `used`; valid until more is read.
  std::string_view headers(std::uint64_t used) {
    const std::uint64_t begin = given - chunk.size(), from = *headers_at;
    headers_at.reset();
    if (from >= begin) return chunk.substr(from - begin, used - from);
    across = kept.substr(from - (begin - kept.size()));
    across.append(chunk);
    return std::string_view(across).substr(0, used - from);
  }
};

std::uint64_t used_by(struct archive* archive) {
  return static_cast<std::uint64_t>(std::max<la_int64_t>(::archive_filter_bytes(archive, 0), 0));
}

la_ssize_t read_stream(struct archive* archive, void* context, const void** buffer) {
  auto& stream = *static_cast<Stream*>(context);
  try {
    const std::string_view bytes = stream.give(used_by(archive));
    *buffer = bytes.data();
    return static_cast<la_ssize_t>(bytes.size());
  } catch (...) {
    stream.failure = std::current_exception();
    ::archive_set_error(archive, EIO, "unreadable");
    return ARCHIVE_FATAL;
  }
}

// A name in a message: bounded, without control characters.
std::string shown(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, 200))
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return name.size() > 200 ? out + "..." : out;
}

[[noreturn]] void fail(struct archive* archive, const Stream& stream) {
  if (stream.failure) std::rethrow_exception(stream.failure);
  const char* text = ::archive_error_string(archive);
  throw base::Error(
      base::cat("this is no valid tar archive: ", text != nullptr ? shown(text) : "damaged"));
}

EntryAttributes attributes_of(struct archive_entry* entry, const LayerLimits& limits) {
  EntryAttributes out;
  const auto id = [](la_int64_t number, const char* what) {
    if (number < 0 || number > 0xfffffffeLL)
      throw base::Error(base::cat("its ", what, " ", number, " is out of range"));
    return static_cast<std::uint32_t>(number);
  };
  out.uid = id(::archive_entry_uid(entry), "owner");
  out.gid = id(::archive_entry_gid(entry), "group");
  out.mode = ::archive_entry_perm(entry) & 07777U;
  out.modified = {::archive_entry_mtime(entry), ::archive_entry_mtime_nsec(entry)};
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0, total = 0;
  ::archive_entry_xattr_reset(entry);
  while (::archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
    total += size + (name != nullptr ? std::strlen(name) : 0);
    if (total > limits.xattr_bytes) {
      throw base::Error(
          base::cat("extended attributes of more than ", limits.xattr_bytes, " bytes are refused"));
    }
    if (name != nullptr)
      out.xattrs.emplace_back(name, std::string(static_cast<const char*>(value), size));
  }
  return out;
}

bool is_zero(std::string_view bytes) {
  return bytes.front() == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

void write_at(int fd, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) base::throw_errno("write");
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
}

class Unpacker {
 public:
  explicit Unpacker(UnpackRequest request)
      : request_(std::move(request)),
        stream_{ByteSource(request_.blob, request_.limits.inflate), Hasher("sha256"), {}},
        tree_(std::move(request_.root)),
        archive_(::archive_read_new()) {}

  UnpackedLayer run() {
    struct archive* in = archive_.get();
    if (in == nullptr) throw base::Error("no memory to read the layer");
    ::archive_read_support_format_tar(in);
    ::archive_read_support_format_empty(in);
    if (::archive_read_open(in, &stream_, nullptr, read_stream, nullptr) != ARCHIVE_OK)
      fail(in, stream_);
    while (true) {
      stream_.headers_at = used_by(in);
      struct archive_entry* entry = nullptr;
      const int result = ::archive_read_next_header(in, &entry);
      if (result < ARCHIVE_WARN) fail(in, stream_);
      const std::string_view headers = stream_.headers(used_by(in));
      if (result == ARCHIVE_EOF) {
        check_tar_headers(headers);
        break;
      }
      if (++out_.entries > request_.limits.entries) {
        throw base::Error(base::cat("more than ", request_.limits.entries, " entries are refused"));
      }
      take(entry, headers);
      // What is left of it, so that the next headers begin here.
      if (::archive_read_data_skip(in) < ARCHIVE_WARN) fail(in, stream_);
      if (request_.progress) request_.progress(stream_.source.consumed());
    }
    tree_.finish();
    // Padding behind the archive's end belongs to the digest.
    while (!stream_.next().empty()) {
    }
    out_.diff_id = stream_.hasher.finish();
    out_.implied.assign(tree_.implied().begin(), tree_.implied().end());
    return out_;
  }

 private:
  void take(struct archive_entry* entry, std::string_view headers) {
    const char* written = ::archive_entry_pathname(entry);
    if (written == nullptr) throw base::Error("an entry's name cannot be read");
    const std::string path = normal_entry_path(written);
    try {
      check_tar_headers(headers);
      make(entry, path);
    } catch (const base::SysError& error) {
      const bool full = error.errnum() == ENOSPC || error.errnum() == EDQUOT;
      throw base::SysError(
          error.errnum(), base::cat("unpack ", shown(written)), "",
          full ? "make room: stack image prune, or remove what else is large" : "");
    } catch (const base::Error& error) {
      if (stream_.failure) throw;
      throw base::Error(base::cat("entry \"", shown(written), "\": ", error.what()), error.hint());
    }
  }

  void make(struct archive_entry* entry, const std::string& path) {
    if (tree_.whiteout(path)) return;
    if (const char* source = ::archive_entry_hardlink(entry)) {
      tree_.hard_link(path, normal_entry_path(source));
      return;
    }
    const EntryAttributes attributes = attributes_of(entry, request_.limits);
    switch (::archive_entry_filetype(entry)) {
      case AE_IFDIR:
        tree_.folder(path, attributes);
        return;
      case AE_IFLNK: {
        const char* target = ::archive_entry_symlink(entry);
        if (target == nullptr || *target == 0)
          throw base::Error("a symbolic link without a target");
        tree_.symlink(path, target, attributes);
        return;
      }
      case AE_IFIFO:
        tree_.fifo(path, attributes);
        return;
      case AE_IFREG:
        content(entry, path, attributes);
        return;
      case AE_IFCHR:
      case AE_IFBLK:
      default:
        tree_.skip(path);  // containers get their /dev from us
        return;
    }
  }

  void content(struct archive_entry* entry, const std::string& path,
               const EntryAttributes& attributes) {
    const base::Fd file = tree_.file(path, attributes.mode);
    std::uint64_t end = 0, written = 0;
    while (true) {
      const void* block = nullptr;
      std::size_t size = 0;
      la_int64_t offset = 0;
      const int result = ::archive_read_data_block(archive_.get(), &block, &size, &offset);
      if (result == ARCHIVE_EOF) break;
      if (result < ARCHIVE_WARN) fail(archive_.get(), stream_);
      if (size > 0 && stream_.padded) throw base::Error("the archive ends in the middle of it");
      const auto at = static_cast<std::uint64_t>(offset);
      const std::string_view bytes(static_cast<const char*>(block), size);
      // Zeros are left out: a bomb of them takes no room.
      if (size >= kHole && is_zero(bytes)) {
        end = std::max(end, at + size);
        continue;
      }
      if (size > 0) write_at(file.get(), bytes, at);
      end = std::max(end, at + size);
      written = end;
      if (request_.progress) request_.progress(stream_.source.consumed());
    }
    const auto promised =
        static_cast<std::uint64_t>(std::max<la_int64_t>(::archive_entry_size(entry), 0));
    end = std::max(end, promised);  // a sparse file may end with a hole
    if (written < end && ::ftruncate(file.get(), static_cast<off_t>(end)) != 0) {
      base::throw_errno("extend");
    }
    out_.size += end;
    LayerTree::finish_file(file.get(), path, attributes);
  }

  UnpackRequest request_;
  Stream stream_;
  LayerTree tree_;
  Archive archive_;
  UnpackedLayer out_;
};

}  // namespace

UnpackedLayer unpack_layer(UnpackRequest request) {
  return Unpacker(std::move(request)).run();
}

}  // namespace fetch
