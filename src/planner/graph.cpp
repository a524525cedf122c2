#include "planner/graph.hpp"

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/depth_first_search.hpp>
#include <boost/graph/topological_sort.hpp>
#include <set>

#include "base/error.hpp"
#include "base/text.hpp"

namespace planner {

namespace {

using Adjacency = std::vector<std::vector<std::size_t>>;
using BoostGraph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS>;
using Vertex = boost::graph_traits<BoostGraph>::vertex_descriptor;
using Edge = boost::graph_traits<BoostGraph>::edge_descriptor;

BoostGraph boost_graph(const Adjacency& edges, bool reversed = false) {
  BoostGraph out(edges.size());
  for (std::size_t from = 0; from < edges.size(); ++from) {
    for (const std::size_t to : edges[from]) {
      if (reversed) {
        boost::add_edge(to, from, out);
      } else {
        boost::add_edge(from, to, out);
      }
    }
  }
  return out;
}

// Keeps the path from the root while searching; the first back edge closes a cycle.
class CycleFinder : public boost::default_dfs_visitor {
 public:
  CycleFinder(std::vector<Vertex>& path, std::vector<Vertex>& cycle)
      : path_(&path), cycle_(&cycle) {}
  void discover_vertex(Vertex v, const BoostGraph& /*graph*/) { path_->push_back(v); }
  void finish_vertex(Vertex /*v*/, const BoostGraph& /*graph*/) { path_->pop_back(); }
  void back_edge(Edge e, const BoostGraph& graph) {
    if (!cycle_->empty()) return;
    const auto first = std::find(path_->begin(), path_->end(), boost::target(e, graph));
    cycle_->assign(first, path_->end());
  }

 private:
  std::vector<Vertex>* path_;
  std::vector<Vertex>* cycle_;
};

std::size_t index_of(const std::vector<std::string>& nodes, const std::string& name) {
  const auto at = std::lower_bound(nodes.begin(), nodes.end(), name);
  if (at == nodes.end() || *at != name) {
    throw base::Error(base::cat("no node \"", name, "\" in the dependency graph"));
  }
  return static_cast<std::size_t>(at - nodes.begin());
}

std::vector<std::string> reachable(const std::vector<std::string>& nodes, const BoostGraph& graph,
                                   const std::vector<std::string>& roots) {
  std::vector<boost::default_color_type> colours(nodes.size(), boost::white_color);
  const auto colour_map =
      boost::make_iterator_property_map(colours.begin(), boost::get(boost::vertex_index, graph));
  for (const std::string& root : roots) {
    const std::size_t at = index_of(nodes, root);
    if (colours[at] == boost::white_color) {
      boost::depth_first_visit(graph, at, boost::default_dfs_visitor{}, colour_map);
    }
  }
  std::vector<std::string> out;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (colours[i] != boost::white_color) out.push_back(nodes[i]);
  }
  return out;
}

}  // namespace

DependencyGraph::DependencyGraph(const std::vector<std::string>& nodes) : nodes_(nodes) {
  std::sort(nodes_.begin(), nodes_.end());
  nodes_.erase(std::unique(nodes_.begin(), nodes_.end()), nodes_.end());
  edges_.resize(nodes_.size());
}

void DependencyGraph::add_edge(const std::string& from, const std::string& to) {
  auto& list = edges_[index_of(nodes_, from)];
  const std::size_t target = index_of(nodes_, to);
  const auto at = std::lower_bound(list.begin(), list.end(), target);
  if (at == list.end() || *at != target) list.insert(at, target);
}

std::vector<std::string> DependencyGraph::order() const {
  std::vector<Vertex> sorted;
  sorted.reserve(nodes_.size());
  try {
    // Boost's order is the reverse of its edges: what is waited for comes first, as we want it.
    const BoostGraph graph = boost_graph(edges_);
    boost::topological_sort(graph, std::back_inserter(sorted));
  } catch (const boost::not_a_dag&) {
    throw base::Error(base::cat("dependency cycle: ", base::join(cycle(), " → ")));
  }
  std::vector<std::string> out;
  out.reserve(sorted.size());
  for (const Vertex v : sorted) out.push_back(nodes_[v]);
  return out;
}

std::vector<std::string> DependencyGraph::cycle() const {
  std::vector<Vertex> path;
  std::vector<Vertex> found;
  const BoostGraph graph = boost_graph(edges_);
  boost::depth_first_search(graph, boost::visitor(CycleFinder(path, found)));
  if (found.empty()) return {};
  // The smallest name first: the same cycle always reads the same.
  std::rotate(found.begin(), std::min_element(found.begin(), found.end()), found.end());
  found.push_back(found.front());
  std::vector<std::string> out;
  out.reserve(found.size());
  for (const Vertex v : found) out.push_back(nodes_[v]);
  return out;
}

std::vector<std::string> DependencyGraph::closure(const std::vector<std::string>& roots) const {
  return reachable(nodes_, boost_graph(edges_), roots);
}

std::vector<std::string> DependencyGraph::dependants(const std::vector<std::string>& roots) const {
  return reachable(nodes_, boost_graph(edges_, true), roots);
}

DependencyGraph dependency_graph(const spec::Stack& stack, const spec::Sources& sources) {
  std::vector<std::string> nodes;
  for (const auto& entry : stack.services) nodes.push_back(entry.first);
  DependencyGraph graph(nodes);
  std::map<std::pair<std::string, std::string>, spec::Place> places;
  for (const auto& entry : stack.services) {
    const std::string& name = entry.first;
    const spec::Service& service = entry.second;
    for (const spec::Dependency& dependency : service.depends_on) {
      // Missing and not required: resolved away; missing and required: the loader's error.
      if (stack.services.count(dependency.service) == 0) continue;
      graph.add_edge(name, dependency.service);
      places.emplace(std::pair(name, dependency.service),
                     dependency.place.known() ? dependency.place : service.place);
    }
    if (service.network_mode.kind == spec::NetworkModeKind::Service &&
        stack.services.count(service.network_mode.name) != 0) {
      graph.add_edge(name, service.network_mode.name);
      places.emplace(std::pair(name, service.network_mode.name), service.place);
    }
  }
  const std::vector<std::string> cycle = graph.cycle();
  if (cycle.empty()) return graph;

  spec::Diagnostic diagnostic;
  diagnostic.place = places[{cycle[0], cycle[1]}];
  diagnostic.text = cycle.size() == 2
                        ? base::cat("service \"", cycle[0], "\" depends on itself")
                        : base::cat("services depend on each other: ", base::join(cycle, " → "));
  diagnostic.hint = "remove one of these dependencies";
  for (std::size_t i = 0; i + 1 < cycle.size(); ++i) {
    diagnostic.related.push_back(
        {places[{cycle[i], cycle[i + 1]}],
         base::cat("\"", cycle[i], "\" depends on \"", cycle[i + 1], "\" here")});
  }
  spec::Sources shown = sources;
  if (shown.empty()) {
    for (const std::string& file : stack.files) shown.push_back({file, {}});
  }
  throw spec::SpecError({diagnostic}, shown);
}

}  // namespace planner
