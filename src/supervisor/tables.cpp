// The nft tables of the stack while its supervisor lives: what somebody takes out of them is put
// back. A table that we own (NFT_TABLE_F_OWNER) could not be flushed at all, but one of a network
// has several writers, kernels below 6.9 would take it along with its owner, and a person could not
// remove it any more.
#include <sys/epoll.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/sys.hpp"
#include "executor/world.hpp"
#include "netfab/links.hpp"
#include "netfab/ports.hpp"
#include "supervisor/supervisor.hpp"

namespace supervisor {

namespace {

// Somebody else who undoes our work each time is answered ever more slowly.
constexpr base::Duration kFight = std::chrono::seconds(10);
constexpr unsigned kPatience = 3;
constexpr base::Duration kFirstPause = std::chrono::milliseconds(100);
constexpr base::Duration kLongestPause = std::chrono::seconds(30);

base::Duration pause_of(unsigned fought) {
  if (fought <= kPatience) return base::Duration{0};
  const unsigned doublings = std::min(fought - kPatience - 1, 10U);
  return std::min(kFirstPause * (std::int64_t{1} << doublings), kLongestPause);
}

}  // namespace

// A flushed firewall cuts nobody for longer than it takes us to wake up.
void Supervisor::watch_tables() {
  try {
    tables_.emplace();
    loop_.watch(tables_->fd(), EPOLLIN, [this](std::uint32_t) {
      if (!tables_->changed()) return;
      tables_changed_ = true;
      if (!runner_) mend_tables_after(pause_of(tables_fought_));
    });
  } catch (const base::Error& error) {
    base::log::warn(error.what());
  }
}

// What a plan of ours replaced looks the same from here; it is looked at behind the plan's back.
void Supervisor::mend_tables_later() {
  if (tables_changed_) mend_tables_after(std::chrono::milliseconds(200));
}

void Supervisor::mend_tables_after(base::Duration pause) {
  if (mend_timer_ != 0) return;
  mend_timer_ = loop_.after(pause, [this] {
    mend_timer_ = 0;
    if (tables_changed_ && !runner_) mend_tables();
  });
}

void Supervisor::mend_tables() {
  tables_changed_ = false;
  bool mended = false;
  const auto note = [&](const std::string& table) {
    if (!mended) {
      const base::Duration now = base::sys::monotonic_now();
      const base::Duration window = kFight + pause_of(tables_fought_);
      tables_fought_ =
          tables_mended_.count() != 0 && now - tables_mended_ < window ? tables_fought_ + 1 : 0;
      tables_mended_ = now;
    }
    mended = true;
    const base::Duration pause = pause_of(tables_fought_);
    base::log::warn(base::cat("nft table ", table, " was changed by somebody else: made again",
                              pause.count() == 0
                                  ? std::string()
                                  : base::cat("; the next time not before ",
                                              base::human_duration(pause), " have passed")));
  };
  try {
    const base::Fd lock = executor::lock_networks(paths_.roots);
    const std::vector<netfab::Bridge> bridges = netfab::observe_links().bridges;
    for (const planner::Network& network : intent_.networks) {
      const netfab::Bridge& wished = network.bridge;
      const auto at = std::find_if(bridges.begin(), bridges.end(), [&](const auto& bridge) {
        return bridge.device == wished.device;
      });
      if (at == bridges.end() || at->table == wished.table) continue;
      note(wished.table);
      netfab::ensure_bridge(wished);
    }
    if (netfab::observe_ports(paths_.ports_table) == published_) return;
    note(paths_.ports_table);
    netfab::ensure_ports(paths_.ports_table, published_, paths_.project);
  } catch (const base::Error& error) {
    base::log::warn(error.what());
  }
}

}  // namespace supervisor
