// Any bytes as a stack file, through the whole of load() and both ways of printing; a file that
// exists in memory only. Every diagnostic of a refused one is rendered and has a place.
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/fd.hpp"
#include "base/sys.hpp"
#include "spec/load.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Fd file(::memfd_create("fuzz", MFD_CLOEXEC));
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  base::sys::write_all(file.get(), text, "memory");
  spec::LoadOptions options;
  options.files = {"/proc/self/fd/" + std::to_string(file.get())};
  options.project_name = "fuzz";
  options.project_directory = "/nonexistent";
  options.working_dir = "/nonexistent";
  options.environment = {{"A", "value"}, {"B", ""}, {"N", "3"}};
  options.profiles = {"*"};
  try {
    const spec::Loaded loaded = spec::load(options);
    (void)spec::to_json(loaded.stack);
    (void)spec::to_yaml(loaded.stack);
    for (const spec::Diagnostic& one : loaded.warnings) {
      (void)spec::render(one, loaded.sources, true);
    }
  } catch (const spec::SpecError& error) {
    for (const spec::Diagnostic& one : error.diagnostics()) {
      (void)spec::render(one, error.sources(), true);
      if (!one.place.known()) std::abort();
    }
  } catch (const base::Error&) {
    // A whole file that cannot be read has no place.
  }
  return 0;
}
