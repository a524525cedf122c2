// The reaper of `init: true` as a file to execute: init/init.c, embedded, in a sealed memfd. Knows
// nothing of containers.
#pragma once

namespace executor {

// A close-on-exec descriptor of the program, made once a process and never closed; -1 where none is
// embedded (other processors) or the kernel makes no executable memfd (vm.memfd_noexec). Sealed: a
// container that opens /proc/1/exe cannot change what the next one runs (man 2 memfd_create).
int init_program();

}  // namespace executor
