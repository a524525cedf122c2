// The parts of the child between clone and exec: targets inside a root nobody trusts, users of an
// image, the reaper. All of it async-signal-safe: no allocation, no stdio, no locks; errno is the
// result.
#pragma once

#include "executor/child_program.hpp"

namespace executor::child {

// Opens (O_PATH) the folder or file `path` inside the current root, making what is missing: links
// are followed, but never out of the root. -1 and errno on failure.
enum class Kind : std::uint8_t { Folder, File };
int open_target(const char* path, Kind kind);
// mkdir -p on the host's side, for bind sources.
bool make_folders(const char* path);

// The mount steps; false with errno.
bool open_tree_step(ChildProgram& program, const Step& step);
bool mount_overlay(const Step& step);
bool mount_layers(const ChildProgram& program, const Step& step);
bool pivot(const char* root);
bool mount_fs(const Step& step);
bool attach(const ChildProgram& program, const Step& step);
bool place_file(const ChildProgram& program, const Step& step);
bool seed_volume(const ChildProgram& program, const Step& step);
bool mask(const char* path);
bool read_only(const char* path);
bool make_node(const Step& step);
bool make_link(const Step& step);
bool write_file(const char* path, const char* text);

// Fills uid, gid, groups and home from the image's own /etc/passwd and /etc/group.
bool find_user(ChildProgram& program, Detail& detail);
// Takes on the user with this set of capabilities.
bool become(const ChildProgram& program, std::uint64_t capabilities);
bool drop_bounding(std::uint64_t keep);

// Forks: returns true in the child that goes on; the parent becomes a reaper and never returns: the
// program at `reaper` (init_program.hpp), or this one where there is none or it cannot be executed.
bool become_init(ChildProgram& program, int reaper);
// Tries the candidates; returns only on failure.
void exec_program(const ChildProgram& program, Detail& detail);

}  // namespace executor::child
