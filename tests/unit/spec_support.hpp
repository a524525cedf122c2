// A folder of stack files for the tests of loading.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "spec/load.hpp"

namespace spec {

class StackFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "spec-folder-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    options_.working_dir = dir_;
    options_.project_name = "p";
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(dir_ + "/" + name).parent_path());
    std::ofstream(dir_ + "/" + name) << text;
  }
  // The text of every error or, when the files are accepted, "accepted".
  std::string refusal() {
    try {
      load(options_);
    } catch (const SpecError& error) {
      std::string out;
      for (const Diagnostic& each : error.diagnostics()) {
        EXPECT_TRUE(each.place.known()) << each.text;
        out += render(each, error.sources(), false);
      }
      return out;
    } catch (const base::Error& error) {
      return error.what();
    }
    return "accepted";
  }
  std::string refusal(const std::string& text) {
    write("compose.yaml", text);
    return refusal();
  }
  Service service(const std::string& name) { return load(options_).stack.services.at(name); }

  std::string dir_;
  LoadOptions options_;
};

}  // namespace spec
