add_library(stack_options INTERFACE)
target_compile_options(stack_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wno-missing-field-initializers
  -Werror=switch -Werror=return-type)
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Says of every included .cpp what is only true of headers.
  target_compile_options(stack_options INTERFACE -Wno-subobject-linkage)
endif()
if(STACK_WERROR)
  target_compile_options(stack_options INTERFACE -Werror)
endif()
if(STACK_SANITIZE)
  target_compile_options(stack_options INTERFACE -fsanitize=${STACK_SANITIZE}
    -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  target_link_options(stack_options INTERFACE -fsanitize=${STACK_SANITIZE})
endif()
if(STACK_CRASH_POINTS)
  target_compile_definitions(stack_options INTERFACE STACK_CRASH_POINTS)
endif()
# No path of this checkout: what one has compiled serves another (ccache).
target_compile_definitions(stack_options INTERFACE STACK_VERSION="${PROJECT_VERSION}")

# Rooms that read what others wrote.
set(STACK_FUZZED_ROOMS base spec planner image fetch supervisor)

# stack_room(NAME LINK targets...): the library of src/NAME.
function(stack_room name)
  cmake_parse_arguments(ROOM "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  if(NOT sources)
    add_library(stack_${name} INTERFACE)
    target_link_libraries(stack_${name} INTERFACE ${ROOM_LINK})
    return()
  endif()
  add_library(stack_${name} STATIC ${sources})
  target_include_directories(stack_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(stack_${name} PUBLIC ${ROOM_LINK} PRIVATE stack_options)
  if(STACK_FUZZ AND name IN_LIST STACK_FUZZED_ROOMS)
    # Counts what an input reaches; without the fuzzer it does nothing.
    target_compile_options(stack_${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()
