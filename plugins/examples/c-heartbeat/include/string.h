/* What the generated bindings and this collector need of a C library; src/memory.c has it. */
#ifndef HEARTBEAT_STRING_H
#define HEARTBEAT_STRING_H
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *at, int byte, size_t size);
int memcmp(const void *one, const void *other, size_t size);
size_t strlen(const char *text);
#endif
