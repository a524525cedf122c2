// Any bytes as a layer: unpacked into a folder of a tmpfs that only this process sees, as nobody,
// so that a mistake could not reach anything else. Without root only decompression and names are
// tried.
#include <fcntl.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/files.hpp"
#include "fetch/layer_reader.hpp"
#include "fetch/layer_tree.hpp"

namespace {

constexpr uid_t kNobody = 65534;

// The folder, or an invalid descriptor without the right to make namespaces.
base::Fd make_folder() {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", "/mnt", "tmpfs", 0, "size=32m,mode=777") != 0) {
    std::fputs("no namespace: nothing is unpacked\n", stderr);
    return {};
  }
  return base::Fd(::open("/mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

void unpack(int blob, const base::Fd& folder) {
  fetch::UnpackRequest request;
  request.blob = blob;
  request.root = base::Fd(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  request.limits.entries = 200;
  request.limits.inflate.bytes = 1U << 20U;
  try {
    const fetch::UnpackedLayer out = fetch::unpack_layer(std::move(request));
    if (out.entries > 200) std::abort();
  } catch (const base::Error& error) {
    if (error.what()[0] == '\0') std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const base::Fd folder = make_folder();
  static const base::Fd blob(::memfd_create("layer", MFD_CLOEXEC));
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const std::string path = fetch::normal_entry_path(text.substr(0, text.find('\0')));
    if (!path.empty() && (path.front() == '/' || path.compare(0, 3, "../") == 0 || path == ".."))
      std::abort();
    if (path.find("/../") != std::string::npos) std::abort();
  } catch (const base::Error&) {
  }
  if (::ftruncate(blob.get(), 0) != 0 || ::pwrite(blob.get(), data, size, 0) < 0) std::abort();
  if (folder) {
    ::setfsgid(kNobody);
    ::setfsuid(kNobody);
    unpack(blob.get(), folder);
    ::setfsuid(::geteuid());
    ::setfsgid(::getegid());
    base::empty_folder(folder.get(), "/mnt");
    return 0;
  }
  try {
    fetch::ByteSource source(blob.get(), {.bytes = 1U << 20U});
    while (!source.next().empty()) {
    }
  } catch (const base::Error&) {
  }
  return 0;
}
