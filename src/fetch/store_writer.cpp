#include "fetch/store_writer.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.hpp"
#include "base/process.hpp"
#include "base/sys.hpp"
#include "base/text.hpp"
#include "image/layout.hpp"

namespace fetch {

namespace {

constexpr mode_t kFresh = 0600, kDurable = 0400;

std::string random_name() {
  std::uint64_t bits = 0;
  if (::getrandom(&bits, sizeof(bits), 0) != sizeof(bits)) base::throw_errno("getrandom");
  return base::cat(::getpid(), "-", base::short_hash(std::to_string(bits), 12));
}

// Folders of processes that have ended: nobody holds their lock.
void collect_sessions(const std::string& dir) {
  for (const std::string& name : base::list_dir(dir)) {
    const std::string session = base::cat(dir, "/", name);
    if (!base::is_directory(session)) continue;
    if (auto lock = base::lock_file(session + "/lock", {.wait = false})) base::remove_tree(session);
  }
}

// Bytes on their way in that nobody writes any more and whose machine has since restarted; and the
// lock of what has arrived, where its writer died before it took that away.
void collect_partials(const image::Layout& layout) {
  for (const std::string& name : base::list_dir(layout.partials())) {
    const std::string path = base::cat(layout.partials(), "/", name);
    if (name.size() < 5 || name.compare(name.size() - 5, 5, ".lock") != 0) continue;
    const std::string partial = path.substr(0, path.size() - 5);
    const auto goes_on = [&] {
      return base::exists(partial) && base::try_read_file(path, 4096) == base::boot_id();
    };
    if (goes_on()) continue;
    const auto lock = base::lock_file(path, {.wait = false});
    if (!lock || goes_on()) continue;
    base::remove_file(partial);
    base::remove_file(path);
  }
}

std::uint64_t hash_file(int fd, Hasher& hasher, const std::string& object) {
  std::string buffer(256U << 10U, '\0');
  std::uint64_t total = 0;
  while (true) {
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(total));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) base::throw_errno("read", object);
    if (got == 0) return total;
    hasher.update(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
    total += static_cast<std::uint64_t>(got);
  }
}

std::vector<std::string> fresh_blobs(const image::Layout& layout) {
  std::vector<std::string> out;
  for (const char* algorithm : {"sha256", "sha512"}) {
    const std::string dir = base::cat(layout.blobs(), "/", algorithm);
    for (const std::string& name : base::list_dir(dir)) {
      struct stat info {};
      const std::string path = base::cat(dir, "/", name);
      if (::lstat(path.c_str(), &info) == 0 && (info.st_mode & 0200U) != 0) out.push_back(path);
    }
  }
  return out;
}

std::vector<std::string> fresh_layers(const image::Layout& layout) {
  std::vector<std::string> out;
  for (const std::string& name : base::list_dir(layout.layers())) {
    const std::string mark = base::cat(layout.layers(), "/", name, "/durable");
    if (!base::exists(mark)) out.push_back(mark);
  }
  return out;
}

}  // namespace

StoreWriter::StoreWriter(const base::Roots& roots) : roots_(roots), images_(roots.images()) {
  const image::Layout layout(roots);
  for (const std::string& dir :
       {layout.blobs() + "/sha256", layout.blobs() + "/sha512", layout.partials(), layout.layers(),
        layout.records(), layout.names(), layout.scratch()}) {
    base::sys::make_dirs(dir, 0700);
  }
  lease_ = *base::lock_file(layout.lease(), {.shared = true});
  // A session's folder exists only with its lock held, or its owner is dead.
  const auto making = base::lock_file(images_ + "/tmp.lock");
  collect_sessions(layout.scratch());
  collect_partials(layout);
  scratch_ = base::cat(layout.scratch(), "/", random_name());
  base::sys::make_dir(scratch_, 0700);
  scratch_lock_ = *base::lock_file(scratch_ + "/lock");
}

StoreWriter::~StoreWriter() {
  try {
    base::remove_tree(scratch_);
  } catch (const base::Error&) {
    // The next process collects it.
  }
}

std::string StoreWriter::blob_path(const image::Digest& digest) const {
  return image::Layout(roots_).blob(digest);
}

base::Fd StoreWriter::open_for_reading(const image::Digest& digest) const {
  const std::string path = blob_path(digest);
  base::Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno != ENOENT) base::throw_errno("open", path);
  return fd;
}

bool StoreWriter::has_blob(const image::Descriptor& blob) {
  const base::Fd fd = open_for_reading(blob.digest);
  if (!fd) return false;
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) base::throw_errno("stat", blob_path(blob.digest));
  const bool durable = (info.st_mode & 0200U) == 0;
  if (static_cast<std::uint64_t>(info.st_size) != blob.size) {
    // The name is its content: the size promised is the lie, unless a crash cut the file.
    Hasher hasher(blob.digest.algorithm);
    hash_file(fd.get(), hasher, blob_path(blob.digest));
    if (hasher.finish() == blob.digest) {
      throw VerifyError(base::cat("blob ", blob.digest.str(), " has ", info.st_size,
                                  " bytes, not the ", blob.size, " that were announced"));
    }
    base::remove_file(blob_path(blob.digest));
    return false;
  }
  if (durable || checked_.count(blob.digest) != 0) return true;
  Hasher hasher(blob.digest.algorithm);
  hash_file(fd.get(), hasher, blob_path(blob.digest));
  if (hasher.finish() != blob.digest) {
    base::remove_file(blob_path(blob.digest));
    return false;
  }
  checked_.insert(blob.digest);
  return true;
}

StoreWriter::Opened StoreWriter::open_blob(const image::Descriptor& blob, OpenOptions options) {
  Opened out;
  if (has_blob(blob)) {
    out.exists = true;
    return out;
  }
  const image::Layout layout(roots_);
  const std::string partial = base::cat(layout.partials(), "/", blob.digest.hex);
  auto lock = base::lock_file(partial + ".lock", {.wait = options.wait});
  if (!lock) {
    out.busy = true;
    return out;
  }
  // Whoever held it may have finished it.
  if (has_blob(blob)) {
    base::remove_file(partial + ".lock");
    out.exists = true;
    return out;
  }
  // After a restart of the machine a file may be long and hold nothing.
  if (base::sys::read_all(lock->get(), partial + ".lock", 4096) != base::boot_id()) {
    base::remove_file(partial);
    if (::ftruncate(lock->get(), 0) != 0 || ::lseek(lock->get(), 0, SEEK_SET) != 0) {
      base::throw_errno("truncate", partial + ".lock");
    }
    base::sys::write_all(lock->get(), base::boot_id(), partial + ".lock");
  }
  checked_.insert(blob.digest);  // what commits is checked while it is written
  out.writer.emplace(layout.blob(blob.digest), partial, std::move(*lock), blob);
  return out;
}

void StoreWriter::put_blob(const image::Descriptor& blob, std::string_view bytes) {
  Opened opened = open_blob(blob);
  if (opened.exists) return;
  opened.writer->restart();
  opened.writer->write(bytes);
  opened.writer->commit();
}

std::string StoreWriter::read_blob(const image::Descriptor& blob, std::size_t limit) {
  const base::Fd fd = open_for_reading(blob.digest);
  if (!fd) throw base::Error(base::cat("blob ", blob.digest.str(), " is not in the store"));
  std::string out = base::sys::read_all(fd.get(), blob_path(blob.digest), limit);
  Hasher hasher(blob.digest.algorithm);
  hasher.update(out);
  if (hasher.finish() != blob.digest) {
    throw VerifyError(base::cat("blob ", blob.digest.str(), " in the store is damaged"),
                      "stack image verify");
  }
  return out;
}

const std::string& StoreWriter::scratch() {
  return scratch_;
}

void mark_durable(const base::Roots& roots) {
  const image::Layout layout(roots);
  // Only what was there before: what others add meanwhile is theirs to mark.
  const auto blobs = fresh_blobs(layout);
  const auto layers = fresh_layers(layout);
  const base::Fd top = base::sys::open(layout.top, O_RDONLY | O_DIRECTORY);
  if (::syncfs(top.get()) != 0) base::throw_errno("syncfs", layout.top);
  for (const std::string& path : blobs) ::chmod(path.c_str(), kDurable);
  for (const std::string& path : layers) {
    const base::Fd made(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, kFresh));
  }
}

BlobWriter::BlobWriter(std::string path, std::string partial, base::Fd lock, image::Descriptor want)
    : path_(std::move(path)),
      partial_(std::move(partial)),
      lock_(std::move(lock)),
      want_(std::move(want)),
      hasher_(want_.digest.algorithm) {
  file_ = base::sys::open(partial_, O_RDWR | O_CREAT | O_NOFOLLOW, kFresh);
  struct stat info {};
  if (::fstat(file_.get(), &info) != 0) base::throw_errno("stat", partial_);
  if (static_cast<std::uint64_t>(info.st_size) > want_.size) {
    restart();
  } else {
    written_ = hash_file(file_.get(), hasher_, partial_);
  }
}

void BlobWriter::write(std::string_view bytes) {
  if (bytes.size() > want_.size - written_) {
    discard();
    throw VerifyError(base::cat("blob ", want_.digest.str(), " is larger than the ", want_.size,
                                " bytes announced"));
  }
  hasher_.update(bytes);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = ::pwrite(file_.get(), bytes.data() + done, bytes.size() - done,
                                 static_cast<off_t>(written_ + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const int saved = errno;
      // On a full disk every byte counts for whoever has to make room.
      discard();
      throw base::SysError(saved, "write", partial_,
                           saved == ENOSPC || saved == EDQUOT
                               ? "make room: stack image prune, or remove what else is large"
                               : "");
    }
    done += static_cast<std::size_t>(put);
  }
  written_ += bytes.size();
}

void BlobWriter::restart() {
  if (::ftruncate(file_.get(), 0) != 0) base::throw_errno("truncate", partial_);
  hasher_.reset();
  written_ = 0;
}

void BlobWriter::discard() {
  ::unlink(partial_.c_str());
  ::unlink((partial_ + ".lock").c_str());
}

void BlobWriter::commit() {
  if (written_ != want_.size) {
    throw VerifyError(base::cat("blob ", want_.digest.str(), " ended after ", written_, " of ",
                                want_.size, " bytes"));
  }
  const image::Digest digest = hasher_.finish();
  if (digest != want_.digest) {
    discard();
    throw VerifyError(
        base::cat("blob ", want_.digest.str(), " has other content: its digest is ", digest.str()));
  }
  if (::rename(partial_.c_str(), path_.c_str()) != 0) base::throw_errno("rename", path_);
  ::unlink((partial_ + ".lock").c_str());
  file_.reset();
  lock_.reset();
}

}  // namespace fetch
