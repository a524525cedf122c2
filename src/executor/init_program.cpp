#include "executor/init_program.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "base/fd.hpp"

#ifdef STACK_INIT_EMBEDDED
extern "C" {
extern const char stack_init_image[];
extern const char stack_init_image_end[];
}
#endif

namespace executor {

#ifdef STACK_INIT_EMBEDDED
namespace {

base::Fd make_init_program() {
  constexpr unsigned kExecutable = 0x10;  // MFD_EXEC, 6.3
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  base::Fd file(::memfd_create("init", flags | kExecutable));
  if (!file && errno == EINVAL) file = base::Fd(::memfd_create("init", flags));
  if (!file) return {};
  const auto size = static_cast<std::size_t>(stack_init_image_end - stack_init_image);
  for (std::size_t done = 0; done < size;) {
    const ssize_t n = ::write(file.get(), stack_init_image + done, size - done);
    if (n <= 0) return {};
    done += static_cast<std::size_t>(n);
  }
  const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (::fcntl(file.get(), F_ADD_SEALS, seals) != 0) return {};
  return file;
}

}  // namespace

int init_program() {
  static const base::Fd file = make_init_program();
  return file.get();
}
#else
int init_program() {
  return -1;
}
#endif

}  // namespace executor
