#include "planner/graph.hpp"

#include <gtest/gtest.h>

#include "unit/planner_support.hpp"

namespace {

using planner::DependencyGraph;
using planner_test::StackBuilder;
using Names = std::vector<std::string>;

DependencyGraph graph_of(const std::vector<std::pair<std::string, std::string>>& edges) {
  Names nodes;
  for (const auto& edge : edges) {
    nodes.push_back(edge.first);
    nodes.push_back(edge.second);
  }
  DependencyGraph out(nodes);
  for (const auto& edge : edges) out.add_edge(edge.first, edge.second);
  return out;
}

TEST(Graph, DependenciesComeFirst) {
  const auto graph = graph_of({{"web", "app"}, {"app", "db"}, {"app", "cache"}});
  EXPECT_EQ(graph.order(), (Names{"cache", "db", "app", "web"}));
  EXPECT_TRUE(graph.cycle().empty());
}

TEST(Graph, ClosureAndDependants) {
  const auto graph = graph_of({{"web", "app"}, {"app", "db"}, {"job", "db"}});
  EXPECT_EQ(graph.closure({"app"}), (Names{"app", "db"}));
  EXPECT_EQ(graph.dependants({"app"}), (Names{"app", "web"}));
  EXPECT_EQ(graph.dependants({"db"}), (Names{"app", "db", "job", "web"}));
  EXPECT_THROW((void)graph.closure({"nobody"}), base::Error);
}

TEST(Graph, CycleStartsAtItsSmallestName) {
  const auto graph = graph_of({{"z", "c"}, {"c", "b"}, {"b", "a"}, {"a", "c"}});
  EXPECT_EQ(graph.cycle(), (Names{"a", "c", "b", "a"}));
  EXPECT_THROW((void)graph.order(), base::Error);
}

TEST(Graph, StackCycleNamesEveryEdgeWithItsPlace) {
  StackBuilder build;
  build.depends("a", "b");
  build.depends("b", "c");
  build.depends("c", "a");
  try {
    (void)planner::dependency_graph(build.stack);
    FAIL();
  } catch (const spec::SpecError& error) {
    ASSERT_EQ(error.diagnostics().size(), 1U);
    const spec::Diagnostic& diagnostic = error.diagnostics().front();
    EXPECT_EQ(diagnostic.text, "services depend on each other: a → b → c → a");
    EXPECT_EQ(diagnostic.place, build.stack.services["a"].depends_on[0].place);
    EXPECT_EQ(diagnostic.related.size(), 3U);
    EXPECT_EQ(diagnostic.related[2].text, "\"c\" depends on \"a\" here");
  }
}

TEST(Graph, ServiceThatDependsOnItself) {
  StackBuilder build;
  build.depends("a", "a");
  try {
    (void)planner::dependency_graph(build.stack);
    FAIL();
  } catch (const spec::SpecError& error) {
    EXPECT_EQ(error.diagnostics().front().text, "service \"a\" depends on itself");
  }
}

TEST(Graph, NetworkOfAnotherServiceIsADependency) {
  StackBuilder build;
  build.service("b");
  build.service("a").network_mode = {spec::NetworkModeKind::Service, "b"};
  EXPECT_EQ(planner::dependency_graph(build.stack).order(), (Names{"b", "a"}));
}

TEST(Graph, TenThousandNodesInAChain) {
  std::vector<std::pair<std::string, std::string>> edges;
  for (int i = 0; i < 10000; ++i) edges.emplace_back(std::to_string(i), std::to_string(i + 1));
  EXPECT_EQ(graph_of(edges).order().front(), "10000");
}

}  // namespace
