// json_schema(): the tables of schema_*.cpp as a JSON Schema (draft-07), from which editors
// complete keys and mark mistakes while one types. Says what one file may hold: what must be there
// once several are merged is not asked for, and a text with a variable may stand for any type.
#pragma once

#include <string>

namespace spec {

std::string json_schema();

}  // namespace spec
