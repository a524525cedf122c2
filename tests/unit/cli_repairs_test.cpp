// How often a repair is tried that fails or does not last.
#include "cli/repairs.hpp"

#include <gtest/gtest.h>

#include "base/process.hpp"

namespace {

using namespace std::chrono_literals;
using cli::Repairs;

planner::Step step(planner::Kind kind, planner::Action action) {
  planner::Step out;
  out.id = "x/y";
  out.kind = kind;
  out.action = action;
  out.reasons = {{"because", {}, {}, {}}};
  return out;
}

const planner::Step kLink = step(planner::Kind::Endpoint, planner::Action::Create);
const planner::Step kStart = step(planner::Kind::Container, planner::Action::Start);

TEST(Repairs, AFailureIsTriedEverLessOftenAndGivenUp) {
  Repairs repairs;
  base::Duration now = 1h;
  EXPECT_FALSE(repairs.is_held(kLink, now));
  base::Duration expected = 1min;
  for (int i = 0; i < 9; ++i) {
    repairs.note_failed(kLink, "no", now);
    EXPECT_TRUE(repairs.is_held(kLink, now + expected - 1s)) << i;
    EXPECT_FALSE(repairs.is_held(kLink, now + expected)) << i;
    now += expected;
    expected = std::min<base::Duration>(expected * 2, 1h);
  }
  EXPECT_EQ(repairs.describe("x/y", now), "repair failed 9 times, due now");
  repairs.note_failed(kLink, "no", now);
  EXPECT_TRUE(repairs.is_held(kLink, now + 1000h));
  EXPECT_EQ(repairs.describe("x/y", now), "repair failed 10 times, given up until the next up");
  const Repairs again = Repairs::decode(repairs.encode());
  EXPECT_TRUE(again.is_held(kLink, now + 1000h)) << "the next pass knows";
  repairs.note_done(kLink, now);
  EXPECT_FALSE(repairs.is_held(kLink, now));
}

TEST(Repairs, ALinkMayBeMadeAgainEachMinuteAProgramNotStartedAgainEachMinute) {
  Repairs repairs;
  base::Duration now = 1h;
  for (int i = 0; i < 100; ++i) {
    repairs.note_done(kLink, now += 1min);
    EXPECT_FALSE(repairs.is_held(kLink, now));
  }
  for (int i = 0; i < 6; ++i) {
    EXPECT_FALSE(repairs.is_held(kStart, now)) << i;
    repairs.note_done(kStart, now += 1min);
  }
  repairs.note_done(kStart, now += 1min);
  EXPECT_TRUE(repairs.is_held(kStart, now));
  repairs.keep_only({}, now + 2h);
  EXPECT_FALSE(repairs.is_held(kStart, now)) << "it has lasted";
}

TEST(Repairs, NothingIsBelievedThatCannotBe) {
  Repairs repairs;
  repairs.note_failed(kLink, "no", 1h);
  const std::string good = repairs.encode();
  ASSERT_TRUE(Repairs::decode(good).is_held(kLink, 1h));
  std::string other_boot = good, newer = good;
  other_boot.replace(other_boot.find(base::boot_id()), 4, "ffff");
  newer.replace(newer.find("\"version\":1"), 11, "\"version\":2");
  for (const std::string& bad : {std::string(), std::string("{"), good.substr(0, good.size() / 2),
                                 std::string("[]"), other_boot, newer}) {
    EXPECT_FALSE(Repairs::decode(bad).is_held(kLink, 1h)) << bad;
  }
}

}  // namespace
