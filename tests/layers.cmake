# Who may include whom (docs/architecture.md), checked by reading the includes; the checker checks itself too.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME layers.check
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/check-layers ${CMAKE_SOURCE_DIR})
add_test(NAME layers.self_test
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/check-layers --self-test)
set_tests_properties(layers.check layers.self_test PROPERTIES LABELS layers TIMEOUT 60)
