#include "image/reference.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "image/layout.hpp"
#include "image/platform.hpp"
#include "image/store.hpp"
#include "image/store_codec.hpp"

namespace {

const std::string kHex(64, 'a');

TEST(Reference, HasDockersDefaults) {
  struct Case {
    std::string written, name, familiar;
  };
  const std::string digest = "sha256:" + kHex;
  for (const Case& c : std::vector<Case>{
           {"redis", "docker.io/library/redis:latest", "redis:latest"},
           {"library/oci", "docker.io/library/oci:latest",
            "library/oci:latest"},  // oci:latest is a layout
           {"docker.io/a.b/c:1", "docker.io/a.b/c:1", "docker.io/a.b/c:1"},
           {"redis:7", "docker.io/library/redis:7", "redis:7"},
           {"grafana/loki:2.9", "docker.io/grafana/loki:2.9", "grafana/loki:2.9"},
           {"docker.io/redis", "docker.io/library/redis:latest", "redis:latest"},
           {"index.docker.io/library/redis:7", "docker.io/library/redis:7", "redis:7"},
           {"docker://redis:7", "docker.io/library/redis:7", "redis:7"},
           {"localhost/app", "localhost/app:latest", "localhost/app:latest"},
           {"localhost:5000/a/b:x_Y.z-1", "localhost:5000/a/b:x_Y.z-1",
            "localhost:5000/a/b:x_Y.z-1"},
           {"[::1]:5000/app:1", "[::1]:5000/app:1", "[::1]:5000/app:1"},
           {"example.org/app@" + digest, "example.org/app@" + digest, "example.org/app@" + digest},
           {"redis:7@" + digest, "docker.io/library/redis@" + digest, "redis@" + digest},
           {"a__b/c-d---e.f", "docker.io/a__b/c-d---e.f:latest", "a__b/c-d---e.f:latest"},
           {"host", "host", "host"},
           {"oci:layout:1", "oci:/work/layout:1", "oci:/work/layout:1"},
           {"oci:../layout", "oci:/layout", "oci:/layout"},
           {"oci-archive:/x/a.tar", "oci-archive:/x/a.tar", "oci-archive:/x/a.tar"},
           {"docker-archive:a.tar:redis:7", "docker-archive:/work/a.tar:redis:7",
            "docker-archive:/work/a.tar:redis:7"},
           {"dir:./root", "dir:/work/root", "dir:/work/root"}}) {
    const image::Reference got = image::parse_reference(c.written, "/work");
    EXPECT_EQ(got.name(), c.name) << c.written;
    EXPECT_EQ(got.familiar(), c.familiar) << c.written;
  }
}

TEST(Reference, RefusesWhatRegistriesWould) {
  for (const std::string& bad : {std::string(),
                                 std::string(":7"),
                                 std::string("Redis"),
                                 std::string("redis:"),
                                 std::string("redis:a b"),
                                 std::string("redis:-x"),
                                 std::string("re dis"),
                                 std::string("a//b"),
                                 std::string("../etc/passwd"),
                                 std::string("a/../b"),
                                 std::string("a/./b"),
                                 std::string("a___b"),
                                 std::string("a..b"),
                                 std::string("-a"),
                                 std::string("redis@sha256:../../x"),
                                 std::string("redis@sha256:" + std::string(63, 'a')),
                                 std::string("redis@md5:0123"),
                                 std::string("redis@sha256:" + std::string(64, 'A')),
                                 std::string("localhost:99999/x"),
                                 std::string("ex ample.org/x"),
                                 kHex,
                                 std::string("x/") + std::string(300, 'a'),
                                 std::string("redis:") + std::string(129, 'a'),
                                 std::string("oci:"),
                                 std::string("oci:x:"),
                                 std::string("docker-archive:")}) {
    EXPECT_THROW(image::parse_reference(bad, "/work"), base::Error) << bad;
  }
}

TEST(Digest, IsStrict) {
  EXPECT_TRUE(image::try_parse_digest("sha256:" + kHex));
  EXPECT_TRUE(image::try_parse_digest("sha512:" + kHex + kHex));
  for (const std::string& bad :
       {std::string("sha256:../../x"), "sha256:" + kHex + "a", "sha512:" + kHex, "md5:" + kHex,
        kHex, std::string("sha256:"), std::string(":")}) {
    EXPECT_FALSE(image::try_parse_digest(bad)) << bad;
    EXPECT_THROW(image::parse_digest(bad), base::Error) << bad;
  }
}

TEST(Platform, OlderVariantsRunOnNewerMachines) {
  const auto rank = [](const char* wanted, const char* offered) {
    return image::platform_rank(image::parse_platform(wanted), image::parse_platform(offered));
  };
  EXPECT_GT(rank("linux/amd64", "linux/amd64"), 0U);
  EXPECT_EQ(rank("linux/amd64", "linux/arm64"), 0U);
  EXPECT_EQ(rank("linux/amd64", "windows/amd64"), 0U);
  EXPECT_EQ(rank("linux/x86_64", "amd64"), rank("amd64", "amd64"));
  EXPECT_EQ(rank("linux/arm64/v8", "linux/arm64"), rank("arm64", "arm64"));
  EXPECT_GT(rank("linux/arm/v7", "linux/arm/v7"), rank("linux/arm/v7", "linux/arm/v6"));
  EXPECT_GT(rank("linux/arm/v7", "linux/arm/v6"), rank("linux/arm/v7", "linux/arm/v5"));
  EXPECT_EQ(rank("linux/arm/v6", "linux/arm/v7"), 0U);
  EXPECT_EQ(rank("linux/amd64", "linux/amd64/v3"), 0U);
  EXPECT_EQ(image::parse_platform("linux").str(), image::host_platform().str());
  for (const char* bad : {"", "/", "linux/", "a/b/c/d"}) {
    EXPECT_THROW(image::parse_platform(bad), base::Error) << bad;
  }
}

TEST(Layout, NamesOfReferencesStayInTheirFolder) {
  const image::Layout layout(base::Roots::from("/r"));
  const std::string top = "/r/lib/images/names/";
  EXPECT_EQ(layout.name("docker.io/library/redis:7"), top + "docker.io%2Flibrary%2Fredis:7");
  EXPECT_EQ(layout.name(".."), top + "%2E.");
  const std::string a = layout.name("oci:/" + std::string(5000, 'x') + "1");
  const std::string b = layout.name("oci:/" + std::string(5000, 'x') + "2");
  EXPECT_NE(a, b);
  EXPECT_LE(a.size() - top.size(), 220U);
}

TEST(Codec, ReadsWhatItWroteAndNothingElse) {
  image::StoredImage image;
  image.id = image.manifest = image::parse_digest("sha256:" + kHex);
  image.manifest_type = "type";
  image.config_size = 1;
  image.manifest_size = 2;
  image.platform = {"linux", "arm", "v7"};
  image.created = "2024";
  image.config.entrypoint = {"/a", "b"};
  image.config.labels = {{"k", "v"}};
  image.config.exposed_ports = {"80/tcp"};
  image.config.healthcheck =
      image::Healthcheck{{"CMD", "x"}, std::chrono::seconds(1), {}, {}, {}, 4};
  image.layers = {{image.id, image.id, image.id, "gzip", 3, 4},
                  {image.id, image.id, image.id, "", 5, 6}};
  const std::string text = image::to_text(image);
  const auto read = image::parse_image(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(image::to_text(*read), text);
  EXPECT_EQ(read->size(), 10U);
  EXPECT_EQ(read->config.healthcheck->retries, 4U);
  // As a crash of the machine leaves files.
  for (const std::string& cut :
       {text.substr(0, text.size() / 2), std::string(), std::string(100, '\0'), std::string("{}"),
        std::string("[]"), std::string(R"({"id":1})")}) {
    EXPECT_FALSE(image::parse_image(cut)) << cut;
    EXPECT_FALSE(image::parse_name(cut)) << cut;
    EXPECT_FALSE(image::parse_layer_meta(cut)) << cut;
  }
}

}  // namespace
