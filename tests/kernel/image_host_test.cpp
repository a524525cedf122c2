// The skeleton of `host` and references that do not resolve.
#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/sys.hpp"
#include "image/rootfs.hpp"

namespace {

class Image : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/stack-image-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir_ = name;
    roots_ = base::Roots::from(dir_);
  }
  void TearDown() override { base::remove_tree(dir_); }

  std::string dir_;
  base::Roots roots_;
};

TEST_F(Image, MakesTheHostSkeletonOnce) {
  const image::Rootfs first = image::resolve("host", dir_, roots_);
  const image::Rootfs second = image::resolve("host", dir_, roots_);
  EXPECT_EQ(first.id, second.id);
  ASSERT_EQ(first.lower.size(), 1U);
  EXPECT_EQ(base::list_dir(roots_.images()), std::vector<std::string>{first.id});
  const std::string root = first.lower.front();
  for (const char* path :
       {"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/tmp", "/usr", "/proc"}) {
    EXPECT_TRUE(base::exists(root + path)) << path;
  }
  EXPECT_FALSE(base::exists(root + "/etc/shadow"));
  for (const image::HostBind& bind : first.binds) {
    EXPECT_TRUE(base::exists(root + bind.target)) << bind.target;
    EXPECT_EQ(bind.source.find("private"), std::string::npos);
  }
}

TEST_F(Image, IgnoresWhatAKilledBuildLeft) {
  base::sys::make_dirs(roots_.images() + "/.tmp-1-0/etc", 0755);
  EXPECT_TRUE(base::is_directory(image::resolve("host", dir_, roots_).lower.front() + "/etc"));
}

TEST_F(Image, ResolvesAFolder) {
  base::sys::make_dirs(dir_ + "/root/bin", 0755);
  const image::Rootfs rootfs = image::resolve("dir:./root", dir_, roots_);
  EXPECT_EQ(rootfs.lower, std::vector<std::string>{dir_ + "/root"});
  EXPECT_TRUE(rootfs.binds.empty());
  EXPECT_EQ(rootfs.id, image::resolve("dir:" + dir_ + "/root", "/", roots_).id);
}

TEST_F(Image, NamesWhatDoesNotResolve) {
  base::sys::make_dir(dir_ + "/empty", 0755);
  base::write_atomic(dir_ + "/file", "x");
  for (const char* reference : {"dir:./missing", "dir:./empty", "dir:./file", "dir:/", "dir:", "",
                                "nginx:1.27", "oci:./layout"}) {
    try {
      image::resolve(reference, dir_, roots_);
      ADD_FAILURE() << reference << " resolved";
    } catch (const base::Error& error) {
      EXPECT_NE(std::string(error.what()).find("image"), std::string::npos) << error.what();
      EXPECT_FALSE(error.hint().empty()) << reference;
    }
  }
}

}  // namespace
