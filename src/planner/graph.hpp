// Graph: who waits for whom among services; Boost.Graph stays behind this header.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "spec/diagnostic.hpp"
#include "spec/stack.hpp"

namespace planner {

class DependencyGraph {
 public:
  explicit DependencyGraph(const std::vector<std::string>& nodes);
  // `from` waits for `to`.
  void add_edge(const std::string& from, const std::string& to);

  // Dependencies before dependants, ties by name. Throws base::Error on a cycle.
  [[nodiscard]] std::vector<std::string> order() const;
  // The nodes of one cycle in order (first repeated at the end), or empty.
  [[nodiscard]] std::vector<std::string> cycle() const;
  // `roots` and everything they wait for, transitively.
  [[nodiscard]] std::vector<std::string> closure(const std::vector<std::string>& roots) const;
  // The reverse: `roots` and everything that waits for them.
  [[nodiscard]] std::vector<std::string> dependants(const std::vector<std::string>& roots) const;

 private:
  std::vector<std::string> nodes_;
  std::vector<std::vector<std::size_t>> edges_;
};

// Throws SpecError that prints the cycle with places.
DependencyGraph dependency_graph(const spec::Stack& stack, const spec::Sources& sources = {});

}  // namespace planner
