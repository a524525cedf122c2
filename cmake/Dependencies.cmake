# Everything from outside, each behind one target name of ours. The small libraries are linked
# statically where the distribution ships an archive: each shared object costs every command
# a part of its start-up time.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

function(stack_prefer_static target pkg archive)
  pkg_check_modules(DEP_${archive} REQUIRED ${pkg})
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} SYSTEM INTERFACE ${DEP_${archive}_INCLUDE_DIRS})
  find_library(DEP_${archive}_STATIC NAMES lib${archive}.a)
  if(DEP_${archive}_STATIC)
    target_link_libraries(${target} INTERFACE ${DEP_${archive}_STATIC})
  else()
    target_link_libraries(${target} INTERFACE ${DEP_${archive}_LINK_LIBRARIES})
  endif()
endfunction()

stack_prefer_static(stack::yaml yaml-cpp yaml-cpp)
stack_prefer_static(stack::nl_core libnl-3.0 nl-3)
stack_prefer_static(stack::nl_route libnl-route-3.0 nl-route-3)
stack_prefer_static(stack::seccomp libseccomp seccomp)
add_library(stack::nl INTERFACE IMPORTED GLOBAL)
target_link_libraries(stack::nl INTERFACE stack::nl_route stack::nl_core)

# Of stack-image: shared, for nobody waits for its start.
pkg_check_modules(DEP_archive REQUIRED IMPORTED_TARGET GLOBAL libarchive)
pkg_check_modules(DEP_crypto REQUIRED IMPORTED_TARGET GLOBAL libcrypto)
pkg_check_modules(DEP_curl REQUIRED IMPORTED_TARGET GLOBAL libcurl)
pkg_check_modules(DEP_zlib REQUIRED IMPORTED_TARGET GLOBAL zlib)
pkg_check_modules(DEP_zstd REQUIRED IMPORTED_TARGET GLOBAL libzstd)
foreach(name archive crypto curl zlib zstd)
  add_library(stack::${name} ALIAS PkgConfig::DEP_${name})
endforeach()

# Used in one source file each, header-only: no shared object to load at every start.
find_package(spdlog REQUIRED)
add_library(stack::spdlog INTERFACE IMPORTED GLOBAL)
# Its own target names fmt's shared object, which FMT_HEADER_ONLY does without.
target_include_directories(stack::spdlog SYSTEM INTERFACE
  $<TARGET_PROPERTY:spdlog::spdlog_header_only,INTERFACE_INCLUDE_DIRECTORIES>)
target_compile_definitions(stack::spdlog INTERFACE FMT_HEADER_ONLY
  $<TARGET_PROPERTY:spdlog::spdlog_header_only,INTERFACE_COMPILE_DEFINITIONS>)

find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_path(STACK_BOOST_GRAPH boost/graph/adjacency_list.hpp REQUIRED)

# Every start of the program (three an `up`) would else pay for loading and relocating libstdc++ and libc, and each
# process of ours would keep its own copy of what they relocate. Position-independent all the same: the supervisor reads
# what containers send.
include(CheckCXXSourceCompiles)
include(CheckLinkerFlag)
function(stack_link_statically target)
  if(NOT STACK_STATIC)
    return()
  endif()
  set(CMAKE_REQUIRED_LINK_OPTIONS -static-pie)
  check_cxx_source_compiles("#include <string>\n#include <iostream>\nint main() { std::cout << std::string(1, 'x'); }"
    STACK_CAN_LINK_STATICALLY)
  foreach(archive yaml-cpp nl-3 nl-route-3 seccomp)
    if(NOT DEP_${archive}_STATIC)
      set(missing ON)
    endif()
  endforeach()
  if(missing OR NOT STACK_CAN_LINK_STATICALLY)
    message(STATUS "linking ${target} dynamically: an archive (lib*.a) is missing")
    return()
  endif()
  target_link_options(${target} PRIVATE -static-pie)
  # libnl refers to functions of the C library that need shared objects; none of them is ever called.
  check_linker_flag(CXX -Wl,--no-warnings STACK_LINKER_CAN_BE_QUIET)
  if(STACK_LINKER_CAN_BE_QUIET)
    target_link_options(${target} PRIVATE -Wl,--no-warnings)
  endif()
endfunction()
