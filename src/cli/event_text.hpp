// Events as docker compose prints them. Pure.
#pragma once

#include <string>

#include "supervisor/event_journal.hpp"

namespace cli {

// "2026-11-24 10:00:00.123456 container die shop-web-1 (exitCode=1, image=nginx, name=...)"
std::string event_text(const supervisor::Event& event);
std::string event_json(const supervisor::Event& event);

}  // namespace cli
