#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/image_text.hpp"
#include "cli/image_view.hpp"
#include "cli/stack_image.hpp"
#include "spec/pull_policy.hpp"

namespace cli {
namespace {

ImageEvent event_of(const std::string& line) {
  const auto event = parse_image_event(line);
  EXPECT_TRUE(event) << line;
  return event.value_or(ImageEvent{});
}

TEST(ImageView, ShowsABarALayer) {
  ImageView view({ProgressMode::Tty, Ansi::Never, -1});
  for (
      const char* line :
      {R"({"event":"status","image":"docker.io/library/redis:7","text":"Pulling"})",
       R"({"event":"layer","id":"sha256:0123456789abcdef","phase":"downloading","current":500000,"total":1000000})",
       R"({"event":"layer","id":"sha256:fedcba9876543210","phase":"exists","current":5,"total":5})"}) {
    view.take(event_of(line), line);
  }
  const auto rows = view.rows(80);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0], "Image docker.io/library/redis:7 Pulling");
  EXPECT_EQ(rows[1], "0123456789ab: Downloading [===============>              ] 500.0kB/1.0MB");
  EXPECT_EQ(rows[2], "fedcba987654: Already exists");
  EXPECT_EQ(phase_text("downloaded"), "Download complete");
  EXPECT_EQ(phase_text("loading"), "Loading layer");
  EXPECT_EQ(phase_text("pushed"), "Pushed");
  for (const std::string& row : view.rows(20)) EXPECT_LE(display_width(row), 20U);
}

TEST(ImageEvents, OtherTextIsNone) {
  EXPECT_FALSE(parse_image_event(""));
  EXPECT_FALSE(parse_image_event("{"));
  EXPECT_FALSE(parse_image_event("[1]"));
  EXPECT_EQ(event_of("{}").kind, ImageEvent::Kind::Other);
  EXPECT_EQ(event_of(R"({"event":"error","text":3})").text, "");
  EXPECT_EQ(event_of(R"({"event":"error","text":"x","hint":"y"})").hint, "y");
}

TEST(ImageText, NamesAsPeopleWriteThem) {
  EXPECT_EQ(shown_name("docker.io/library/redis:7").repository, "redis");
  EXPECT_EQ(shown_name("docker.io/library/redis:7").tag, "7");
  EXPECT_EQ(shown_name("localhost:5000/a:1#linux/arm64").repository, "localhost:5000/a");
  EXPECT_EQ(shown_name("docker.io/library/redis@sha256:" + std::string(64, 'a')).tag, "<none>");
  EXPECT_EQ(shown_name("oci:/srv/x:1").repository, "oci:/srv/x:1");
  EXPECT_EQ(created_text("yesterday"), "N/A");
  EXPECT_NE(created_text("2024-05-01T10:00:00Z").find(" ago"), std::string::npos);
}

TEST(PullPolicy, AsTheSpecificationHasThem) {
  using When = spec::PullPolicy::When;
  EXPECT_EQ(spec::parse_pull_policy("")->when, When::Missing);
  EXPECT_EQ(spec::parse_pull_policy("if_not_present")->when, When::Missing);
  EXPECT_EQ(spec::parse_pull_policy("refresh")->when, When::Missing);
  EXPECT_EQ(spec::parse_pull_policy("always")->when, When::Always);
  EXPECT_EQ(spec::parse_pull_policy("never")->when, When::Never);
  EXPECT_EQ(spec::parse_pull_policy("daily")->age, std::chrono::hours(24));
  EXPECT_EQ(spec::parse_pull_policy("weekly")->age, std::chrono::hours(168));
  EXPECT_EQ(spec::parse_pull_policy("every_1h30m")->age, std::chrono::minutes(90));
  for (const char* bad : {"sometimes", "every_", "every_x", "every_-1h", "every_0s", "Always"}) {
    EXPECT_FALSE(spec::parse_pull_policy(bad)) << bad;
  }
}

}  // namespace
}  // namespace cli
