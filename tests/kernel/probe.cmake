# The audit's probe: C and static, so that it runs in any container, ours or somebody else's.
enable_language(C)
add_executable(probe ${CMAKE_CURRENT_SOURCE_DIR}/kernel/probe.c)
target_link_options(probe PRIVATE -static)
# Sanitizers of the build would need what a static program does not have.
target_compile_options(probe PRIVATE -O1 -fno-sanitize=all)
target_link_options(probe PRIVATE -fno-sanitize=all)
if(TARGET kernel_executor_tests)
  add_dependencies(kernel_executor_tests probe)
  target_compile_definitions(kernel_executor_tests PRIVATE STACK_PROBE="$<TARGET_FILE:probe>")
endif()
