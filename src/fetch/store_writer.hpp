// StoreWriter: the writing side of the image store (layout: image/store.hpp). Blobs appear by
// rename after their digest and size were checked; what a killed process left is collected by the
// next. BlobWriter: one blob on its way in; keeps what a cut connection had brought, so that the
// next try (or the next process) goes on from there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/paths.hpp"
#include "fetch/hash.hpp"
#include "image/descriptor.hpp"

namespace fetch {

// The bytes are not what the digest or the size promised. Asking again may help; the store is as
// before.
class VerifyError : public base::Error {
 public:
  using base::Error::Error;
};

class BlobWriter {
 public:
  // Holds the blob's lock while it lives: one download of a blob among all processes.
  BlobWriter(std::string path, std::string partial, base::Fd lock, image::Descriptor want);
  BlobWriter(BlobWriter&&) noexcept = default;
  BlobWriter& operator=(BlobWriter&&) noexcept = default;
  ~BlobWriter() = default;  // what was written stays, for the next try

  // Bytes that are there already (an earlier try's): ask for the rest, from here on.
  [[nodiscard]] std::uint64_t offset() const { return written_; }
  [[nodiscard]] const image::Descriptor& descriptor() const { return want_; }
  // Throws VerifyError as soon as there are more bytes than promised, SysError on a full disk.
  void write(std::string_view bytes);
  // Begin at 0 again (the server ignored the range, or the resumed bytes proved wrong).
  void restart();
  // Checks size and digest; the blob then has its name. Throws VerifyError: of a wrong
  // digest nothing is kept; bytes that are too few stay, to be continued.
  void commit();
  // Keeps nothing: asking again would bring the same.
  void discard();

 private:
  std::string path_, partial_;
  base::Fd lock_, file_;
  image::Descriptor want_;
  Hasher hasher_;
  std::uint64_t written_ = 0;
};

class StoreWriter {
 public:
  // Makes the folders, takes a lease (so that nothing is pruned meanwhile) and collects what killed
  // processes left.
  explicit StoreWriter(const base::Roots& roots);
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;
  ~StoreWriter();

  [[nodiscard]] const base::Roots& roots() const { return roots_; }
  // In the store, whole. One that may have suffered from a crash of the machine is hashed first,
  // and removed when it is not what its name says.
  bool has_blob(const image::Descriptor& blob);
  // Nothing when the blob is there. `wait` until another process that writes it is done or dead;
  // without it, throws nothing and gives `busy`.
  struct Opened {
    std::optional<BlobWriter> writer;
    bool exists = false, busy = false;
  };
  struct OpenOptions {
    bool wait = true;
  };
  Opened open_blob(const image::Descriptor& blob, OpenOptions options);
  Opened open_blob(const image::Descriptor& blob) { return open_blob(blob, {}); }
  // Small ones (manifests, configurations): verified, appears whole.
  void put_blob(const image::Descriptor& blob, std::string_view bytes);
  // Read and verified; throws VerifyError, or base::Error when it is missing or larger than
  // `limit`.
  std::string read_blob(const image::Descriptor& blob, std::size_t limit);
  // For streaming; invalid when missing.
  base::Fd open_for_reading(const image::Digest& digest) const;
  [[nodiscard]] std::string blob_path(const image::Digest& digest) const;

  // A fresh folder for files on their way in, removed with us or by the next process.
  const std::string& scratch();

 private:
  base::Roots roots_;
  std::string images_;
  base::Fd lease_;
  std::string scratch_;
  base::Fd scratch_lock_;
  std::set<image::Digest> checked_;
};

// Makes everything in the store durable and marks it so (syncfs). For when nobody waits any more.
void mark_durable(const base::Roots& roots);

}  // namespace fetch
