// tests/golden/spec/NAME.yaml → NAME.txt: all that a person sees. UPDATE_GOLDEN=1 rewrites.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/files.hpp"
#include "spec/load.hpp"

namespace {

std::string shown(const std::string& folder, const std::string& file) {
  spec::LoadOptions options;
  options.working_dir = folder;
  options.files = {file};
  if (file != "bad_project_name.yaml") options.project_name = "golden";
  std::string out;
  try {
    const spec::Loaded loaded = spec::load(options);
    for (const auto& warning : loaded.warnings) out += render(warning, loaded.sources, false);
  } catch (const spec::SpecError& error) {
    for (const auto& one : error.diagnostics()) out += render(one, error.sources(), false);
  } catch (const base::Error& error) {
    out = std::string("error: ") + error.what() + "\n";
  }
  // The folder of the checkout is no part of what is compared.
  for (std::size_t at; (at = out.find(folder)) != std::string::npos;) {
    out.replace(at, folder.size(), "DIR");
  }
  return out;
}

TEST(Golden, Diagnostics) {
  const std::string folder = std::filesystem::absolute("tests/golden/spec").string();
  std::size_t cases = 0;
  for (const std::string& name : base::list_dir(folder)) {
    if (name.size() < 5 || name.substr(name.size() - 5) != ".yaml") continue;
    SCOPED_TRACE(name);
    ++cases;
    const std::string text = shown(folder, name);
    const std::string expected = folder + "/" + name.substr(0, name.size() - 5) + ".txt";
    if (std::getenv("UPDATE_GOLDEN") != nullptr) {
      std::ofstream(expected) << text;
      continue;
    }
    EXPECT_EQ(base::try_read_file(expected).value_or("(absent)"), text);
  }
  EXPECT_GE(cases, 25U);
}

}  // namespace
