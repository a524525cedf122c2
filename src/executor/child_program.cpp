#include "executor/child_program.hpp"

#include <algorithm>
#include <cstring>

namespace executor {

namespace {
constexpr std::size_t kBlock = 16384;
}

char* Arena::room(std::size_t size) {
  size = (size + 15U) & ~std::size_t{15};
  if (blocks_.empty() || used_ + size > size_) {
    size_ = std::max(kBlock, size);
    blocks_.push_back(std::make_unique<char[]>(size_));
    used_ = 0;
  }
  char* out = blocks_.back().get() + used_;
  used_ += size;
  return out;
}

const char* Arena::keep(std::string_view text) {
  char* out = room(text.size() + 1);
  std::memcpy(out, text.data(), text.size());
  out[text.size()] = 0;
  return out;
}

const char** Arena::keep_all(const std::vector<std::string>& texts, std::size_t spare) {
  const std::size_t count = texts.size() + spare + 1;
  auto* out = new (room(count * sizeof(char*))) const char*[count];
  for (std::size_t i = 0; i < count; ++i) out[i] = i < texts.size() ? keep(texts[i]) : nullptr;
  return out;
}

Step& ChildProgram::add(Op op, std::string_view what) {
  Step& step = steps.emplace_back();
  step.op = op;
  step.what = what.empty() ? "" : arena.keep(what);
  return step;
}

int ChildProgram::new_slot() {
  slots.push_back(-1);
  return static_cast<int>(slots.size()) - 1;
}

}  // namespace executor
