#include "base/log.hpp"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>

namespace base::log {

namespace {
std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> instance;
  return instance;
}
void write(spdlog::level::level_enum level, std::string_view text) {
  if (const auto& to = logger()) to->log(level, spdlog::string_view_t(text.data(), text.size()));
}
}  // namespace

void open(const std::string& file) {
  auto sink = std::make_shared<spdlog::sinks::rotating_file_sink_st>(file, 1U << 20U, 1);
  logger() = std::make_shared<spdlog::logger>("stack", std::move(sink));
  logger()->set_pattern("%Y-%m-%dT%H:%M:%S.%e %P %l %v");
  const char* wanted = std::getenv("STACK_LOG");
  logger()->set_level(wanted != nullptr ? spdlog::level::from_str(wanted) : spdlog::level::info);
  logger()->flush_on(spdlog::level::debug);
}

void debug(std::string_view text) {
  write(spdlog::level::debug, text);
}
void info(std::string_view text) {
  write(spdlog::level::info, text);
}
void warn(std::string_view text) {
  write(spdlog::level::warn, text);
}
void error(std::string_view text) {
  write(spdlog::level::err, text);
}

}  // namespace base::log
