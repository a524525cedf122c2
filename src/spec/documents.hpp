// Documents: stack files → one merged, canonical document. A document is parsed, interpolated,
// brought into canonical form, then what it extends and includes is added, then it is laid over
// the ones before it. Source: 13-merge.md, 14-include.md, extends of 05-services.md.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "spec/environment.hpp"
#include "spec/node.hpp"
#include "spec/report.hpp"
#include "spec/scan.hpp"

namespace spec {

// What the files of one project, or of one include, have in common.
struct Scope {
  std::string directory;  // absolute; what relative paths start from
  const Environment* environment = nullptr;
  const Scope* outer = nullptr;  // of the file that includes
  std::string main_file;         // absolute; for cycles of includes
  Place place;                   // where it was included
};

struct DocumentOptions {
  std::string shown_from;  // files below it are shown without it
  std::string home;        // for ~
  Bounds bounds;           // of every file
  bool interpolate = true;
  bool resolve_paths = true;
};

class Documents {
 public:
  Documents(DocumentOptions options, Sources& sources, Report& report)
      : options_(std::move(options)), sources_(sources), report_(report) {}

  struct File {
    std::string path;  // absolute; "-" is standard input
    SourceRole role = SourceRole::Stack;
    Place from;
  };
  // Reads a file into the sources; nothing when it cannot be read or holds no stack file, which is
  // then in the report.
  std::optional<std::uint32_t> read(const File& file);
  // The documents of a source, as they stand in it; load() takes them over.
  const std::vector<Node>& peek(std::uint32_t source);

  // Files that were read, with absolute paths, into one document.
  struct Source {
    std::uint32_t index = 0;
    std::string path;
  };
  Node load(const std::vector<Source>& files, const Scope& scope);

 private:
  // A file that something is taken from by extends.
  struct Lender {
    std::string path;
    std::vector<Node> documents;  // interpolated, not yet canonical
  };
  struct Borrowing {  // the chain of extends that is being followed
    const Borrowing* outer = nullptr;
    std::string file, service;
    Place place;
  };

  std::vector<Node> parse(std::uint32_t source);
  void refine(Node& document, std::uint32_t source, const Scope& scope);
  void finish(Node& document, const Scope& scope);

  void extend_all(Node& document, const std::string& path, const Scope& scope);
  void extend(Node& service, Node& services, const std::string& path, const Scope& scope,
              const Borrowing* outer);
  std::optional<Node> lend(const Node& extends, const Scope& scope, const Borrowing& borrowing);
  Lender* lender(const std::string& path, const Node& named, const Scope& scope);
  bool circular(const Borrowing& borrowing);

  void include_all(Node& document, const Scope& scope);
  void include(const Node& item, Node& document, const Scope& scope);
  bool include_environment(const Node& item, const Scope& scope, const std::string& directory,
                           Environment& environment);
  void import(Node& document, Node from);

  [[nodiscard]] std::string absolute(const Scope& scope, const std::string& path) const;
  // Copies of services, and files read, that no bound of a single file sees. False: too much.
  bool spend_values(const Node& copied, Place place);
  bool spend_bytes(std::size_t bytes, Place place);

  DocumentOptions options_;
  Sources& sources_;
  Report& report_;
  std::size_t values_ = 0, bytes_ = 0;
  std::map<std::uint32_t, std::vector<Node>> parsed_;  // peeked at, not yet loaded
  std::map<std::string, std::unique_ptr<Lender>> lenders_;
};

}  // namespace spec
