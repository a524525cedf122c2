#include "fetch/manifest.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace {

using nlohmann::json;

const std::string kDigest = "sha256:" + std::string(64, 'b');

json descriptor(const char* type, std::uint64_t size = 5) {
  return {{"mediaType", type}, {"digest", kDigest}, {"size", size}};
}

json manifest() {
  return {{"schemaVersion", 2},
          {"config", descriptor(image::media::kOciConfig)},
          {"layers", {descriptor(image::media::kOciLayerGzip)}}};
}

std::string refusal(const json& document, const std::string& type = "") {
  try {
    fetch::parse_manifest(document.dump(), type);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Manifest, IsReadWithItsType) {
  const auto parsed = fetch::parse_manifest(manifest().dump(), image::media::kDockerManifest);
  const auto& got = std::get<fetch::Manifest>(parsed);
  EXPECT_EQ(got.media_type, image::media::kDockerManifest);
  EXPECT_EQ(got.layers.size(), 1U);
  EXPECT_EQ(got.config.digest.str(), kDigest);
}

TEST(Manifest, LiesAreNamed) {
  json both = manifest();
  both["manifests"] = json::array();
  EXPECT_NE(refusal(both).find("both"), std::string::npos);
  json wrong = manifest();
  wrong["mediaType"] = image::media::kOciIndex;
  EXPECT_NE(refusal(wrong).find("does not fit"), std::string::npos);
  EXPECT_NE(refusal(manifest(), image::media::kOciIndex).find("does not fit"), std::string::npos);
  wrong["mediaType"] = image::media::kOciManifest;
  EXPECT_NE(refusal(wrong, image::media::kDockerManifest).find("announced"), std::string::npos);
  json artifact = manifest();
  artifact["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json";
  EXPECT_NE(refusal(artifact).find("no container image"), std::string::npos);
  json digest = manifest();
  digest["config"]["digest"] = "sha256:../../../etc/passwd";
  EXPECT_NE(refusal(digest).find("not a digest"), std::string::npos);
  json size = manifest();
  size["config"]["size"] = fetch::kMaxConfig + 1;
  EXPECT_NE(refusal(size).find("refused"), std::string::npos);
  size["config"]["size"] = 1.5;
  EXPECT_NE(refusal(size).find("size"), std::string::npos);
  EXPECT_NE(refusal(json::array()).find("not an object"), std::string::npos);
  json old = manifest();
  old["schemaVersion"] = 1;
  EXPECT_NE(refusal(old).find("schemaVersion"), std::string::npos);
}

TEST(Index, ThePlatformsBestIsChosen) {
  json index = {{"schemaVersion", 2}, {"manifests", json::array()}};
  const auto add = [&](const char* architecture, const char* variant, char digit,
                       const char* os = "linux") {
    json each = descriptor(image::media::kOciManifest);
    each["digest"] = "sha256:" + std::string(64, digit);
    each["platform"] = {{"os", os}, {"architecture", architecture}, {"variant", variant}};
    index["manifests"].push_back(each);
  };
  add("unknown", "", '0', "unknown");
  add("arm", "v5", '5');
  add("arm", "v7", '7');
  add("amd64", "", '1');
  const auto parsed = fetch::parse_manifest(index.dump(), "");
  const auto& got = std::get<fetch::Index>(parsed);
  EXPECT_EQ(fetch::choose_one(got, {"linux", "arm", "v7"}).digest.hex[0], '7');
  EXPECT_EQ(fetch::choose_one(got, {"linux", "arm", "v6"}).digest.hex[0], '5');
  EXPECT_EQ(fetch::choose_one(got, {"linux", "amd64", ""}).digest.hex[0], '1');
  try {
    fetch::choose_one(got, {"linux", "s390x", ""});
    ADD_FAILURE();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.hint(), "there are images for linux/amd64, linux/arm/v5, linux/arm/v7");
  }
}

TEST(Config, DockersFieldsAreRead) {
  const json document = {
      {"architecture", "amd64"},
      {"os", "linux"},
      {"config",
       {{"Entrypoint", {"/e"}},
        {"Cmd", {"c"}},
        {"Env", {"A=b"}},
        {"User", "7:8"},
        {"Volumes", {{"/v", json::object()}}},
        {"ExposedPorts", {{"80/tcp", json::object()}}},
        {"Labels", {{"k", "v"}, {"n", 1}}},
        {"Healthcheck", {{"Test", {"CMD", "t"}}, {"Interval", 5}, {"Retries", 2}}}}},
      {"rootfs", {{"type", "layers"}, {"diff_ids", {kDigest}}}}};
  const fetch::Config got = fetch::parse_config(document.dump(), 1);
  EXPECT_EQ(got.image.entrypoint, std::vector<std::string>{"/e"});
  EXPECT_EQ(got.image.volumes, std::vector<std::string>{"/v"});
  EXPECT_EQ(got.image.labels, (std::map<std::string, std::string>{{"k", "v"}}));
  EXPECT_EQ(got.image.healthcheck->interval.count(), 5);
  EXPECT_EQ(got.image.healthcheck->retries, 2U);
  EXPECT_THROW(fetch::parse_config(document.dump(), 2), base::Error);
  for (const char* bad :
       {"", "{", "[]", "{}", R"({"rootfs":{"diff_ids":"x"}})", R"({"rootfs":{"diff_ids":[1]}})"}) {
    EXPECT_THROW(fetch::parse_config(bad, 0), base::Error) << bad;
  }
  json nul = document;
  nul["config"]["User"] = std::string("a\0b", 3);
  EXPECT_THROW(fetch::parse_config(nul.dump(), 1), base::Error);
}

}  // namespace
