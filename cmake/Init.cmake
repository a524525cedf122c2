# The reaper of `init: true` (src/executor/init): a program of a few hundred bytes of code, built without the C
# library and embedded into the executor's library.
set(STACK_INIT_PROCESSORS x86_64 aarch64)
if(CMAKE_SYSTEM_PROCESSOR IN_LIST STACK_INIT_PROCESSORS)
  enable_language(ASM)
  add_executable(stack_init ${CMAKE_SOURCE_DIR}/src/executor/init/init.c)
  set_target_properties(stack_init PROPERTIES UNITY_BUILD OFF POSITION_INDEPENDENT_CODE OFF C_CLANG_TIDY ""
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/init)
  set(program ${CMAKE_BINARY_DIR}/init/stack_init)
  target_compile_options(stack_init PRIVATE -Wall -Wextra -Os -g0 -ffreestanding -fno-pie -fno-stack-protector
    -fno-asynchronous-unwind-tables)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    target_compile_options(stack_init PRIVATE -fcf-protection=none)
  endif()
  target_link_options(stack_init PRIVATE -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noseparate-code -s)
  set(image ${CMAKE_SOURCE_DIR}/src/executor/init/image.S)
  target_sources(stack_executor PRIVATE ${image})
  set_source_files_properties(${image} PROPERTIES
    COMPILE_DEFINITIONS "STACK_INIT_FILE=\"${program}\"" OBJECT_DEPENDS ${program}
    SKIP_UNITY_BUILD_INCLUSION ON)
  add_dependencies(stack_executor stack_init)
  target_compile_definitions(stack_executor PRIVATE STACK_INIT_EMBEDDED)
endif()
