#include "supervisor/rest.hpp"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>

namespace supervisor {

namespace {

// Of the program itself, which comes first. What may be written to is not the file's any more.
int give_back_segments(dl_phdr_info* program, std::size_t, void*) {
  constexpr std::uintptr_t kPage = 4096;
  for (unsigned i = 0; i < program->dlpi_phnum; ++i) {
    const auto& segment = program->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t first = (program->dlpi_addr + segment.p_vaddr) & ~(kPage - 1);
    const std::uintptr_t end = program->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader tells addresses as numbers
    ::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
  }
  return 1;  // no libraries
}

}  // namespace

void give_back_memory() {
  ::malloc_trim(0);
  ::dl_iterate_phdr(give_back_segments, nullptr);
}

}  // namespace supervisor
