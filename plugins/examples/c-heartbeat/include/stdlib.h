/* What the generated bindings need of a C library; src/memory.c has it. There is no libc: it would import WASI. */
#ifndef HEARTBEAT_STDLIB_H
#define HEARTBEAT_STDLIB_H
#include <stddef.h>
void *malloc(size_t size);
void *realloc(void *old, size_t size);
void free(void *block);
_Noreturn void abort(void);
#endif
