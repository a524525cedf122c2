#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/files.hpp"
#include "base/process.hpp"
#include "fetch/store_writer.hpp"
#include "image/store.hpp"

namespace {

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/stack-store-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    top_ = name;
    roots_ = base::Roots::from(top_);
  }
  void TearDown() override { base::remove_tree(top_); }

  image::Descriptor blob(const std::string& bytes) const {
    return {"", fetch::sha256(bytes), bytes.size(), {}, {}};
  }
  std::vector<std::string> names(const char* folder) const {
    return base::list_dir(roots_.images() + "/" + folder);
  }

  std::string top_;
  base::Roots roots_;
};

TEST_F(StoreTest, ABlobAppearsWholeOrNotAtAll) {
  fetch::StoreWriter store(roots_);
  const auto want = blob("hello world");
  EXPECT_FALSE(store.has_blob(want));
  {
    auto opened = store.open_blob(want);
    ASSERT_TRUE(opened.writer);
    opened.writer->write("hello ");
    EXPECT_THROW(opened.writer->commit(), fetch::VerifyError);  // too short: stays, to be continued
  }
  EXPECT_FALSE(store.has_blob(want));
  {
    auto opened = store.open_blob(want);
    ASSERT_TRUE(opened.writer);
    EXPECT_EQ(opened.writer->offset(), 6U);
    opened.writer->write("world");
    opened.writer->commit();
  }
  EXPECT_TRUE(store.has_blob(want));
  EXPECT_TRUE(store.open_blob(want).exists);
  EXPECT_EQ(store.read_blob(want, 100), "hello world");
  EXPECT_TRUE(names("partial").empty());
}

TEST_F(StoreTest, WrongContentLeavesNothing) {
  fetch::StoreWriter store(roots_);
  const auto want = blob("right");
  {
    auto opened = store.open_blob(want);
    opened.writer->write("wrong");
    EXPECT_THROW(opened.writer->commit(), fetch::VerifyError);
  }
  EXPECT_TRUE(names("partial").empty());
  {
    auto opened = store.open_blob(want);
    EXPECT_EQ(opened.writer->offset(), 0U);
    EXPECT_THROW(opened.writer->write("too long"), fetch::VerifyError);
  }
  EXPECT_TRUE(names("partial").empty());
  EXPECT_TRUE(names("blobs/sha256").empty());
}

TEST_F(StoreTest, OneWriterABlob) {
  fetch::StoreWriter first(roots_), second(roots_);
  const auto want = blob("x");
  auto opened = first.open_blob(want);
  EXPECT_TRUE(second.open_blob(want, {.wait = false}).busy);
  opened.writer->write("x");
  opened.writer->commit();
  EXPECT_TRUE(second.open_blob(want, {.wait = false}).exists);
}

TEST_F(StoreTest, PartsOfAnotherBootAreNotContinued) {
  const auto want = blob("hello");
  {
    fetch::StoreWriter store(roots_);
    store.open_blob(want).writer->write("hel");
  }
  const std::string lock = roots_.images() + "/partial/" + want.digest.hex + ".lock";
  base::write_atomic(lock, "another boot");
  fetch::StoreWriter store(roots_);
  EXPECT_TRUE(names("partial").empty());
  EXPECT_EQ(store.open_blob(want).writer->offset(), 0U);
}

TEST_F(StoreTest, TheLockOfWhatHasArrivedGoes) {
  const auto want = blob("hello"), other = blob("other");
  const std::string lock = roots_.images() + "/partial/" + want.digest.hex + ".lock";
  {
    fetch::StoreWriter store(roots_);
    store.put_blob(want, "hello");
    store.open_blob(other).writer->write("oth");
  }
  base::write_atomic(lock, base::boot_id());  // its writer died before it took that away
  fetch::StoreWriter store(roots_);
  EXPECT_FALSE(base::exists(lock));
  EXPECT_EQ(store.open_blob(other).writer->offset(), 3U) << "what is on its way goes on";
}

TEST_F(StoreTest, ABlobThatMayHaveSufferedIsHashedUntilItIsMarked) {
  const auto want = blob("hello");
  { fetch::StoreWriter(roots_).put_blob(want, "hello"); }
  const std::string path = image::Layout(roots_).blob(want.digest);
  base::write_atomic(path, std::string(5, '\0'));  // as a crash leaves it
  EXPECT_FALSE(fetch::StoreWriter(roots_).has_blob(want));
  EXPECT_FALSE(base::exists(path));
  { fetch::StoreWriter(roots_).put_blob(want, "hello"); }
  fetch::mark_durable(roots_);
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0400U);
  EXPECT_TRUE(fetch::StoreWriter(roots_).has_blob(want));
}

TEST_F(StoreTest, WhatDeadProcessesLeftIsCollected) {
  { fetch::StoreWriter store(roots_); }
  std::filesystem::create_directories(roots_.images() + "/tmp/dead/layer/fs/x");
  fetch::StoreWriter living(roots_);
  { fetch::StoreWriter other(roots_); }
  EXPECT_EQ(names("tmp").size(), 1U) << "the living one's only";
}

TEST_F(StoreTest, PruningKeepsWhatIsUsedOrNamed) {
  const image::Store store(roots_);
  std::vector<image::Digest> ids;
  {
    fetch::StoreWriter writer(roots_);
    for (const char* text : {"one", "two", "three"}) {
      image::StoredImage image;
      const auto config = blob(text);
      writer.put_blob(config, text);
      image.id = image.manifest = config.digest;
      store.write_record(image);
      ids.push_back(image.id);
    }
    store.write_name({"docker.io/library/one:1", ids[0], "", "", "", 0});
  }
  EXPECT_EQ(store.look_up("one:1").id, ids[0]);
  EXPECT_EQ(store.look_up(ids[1].brief()).id, ids[1]);
  EXPECT_THROW(static_cast<void>(store.look_up("four")), base::Error);
  const auto first = store.prune(image::Store::Prune::Nameless, {ids[1]});
  EXPECT_EQ(first.images, std::vector<image::Digest>{ids[2]});
  EXPECT_EQ(names("blobs/sha256").size(), 2U);
  EXPECT_THROW(store.remove_image(ids[1], {ids[1]}), base::Error);
  const auto second = store.prune(image::Store::Prune::Unused, {});
  EXPECT_EQ(second.images.size(), 2U);
  EXPECT_EQ(second.names, std::vector<std::string>{"docker.io/library/one:1"});
  EXPECT_TRUE(names("blobs/sha256").empty());
  EXPECT_TRUE(names("names").empty());
}

}  // namespace
