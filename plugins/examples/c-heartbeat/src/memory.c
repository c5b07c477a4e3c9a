/* Memory without a C library. The host gives every call a fresh sandbox, so nothing is ever given back: an arena that only
 * grows, up to the limit of the manifest, is all that is needed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 65536u
#define ALIGN 16u

/* The linker's: where data ends and the heap begins. */
extern uint8_t __heap_base;

static uintptr_t next;

/* Before each block stands its size, for realloc. */
void *malloc(size_t size) {
    if (next == 0) {
        next = ((uintptr_t)&__heap_base + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);
    }
    if (size > UINT32_MAX / 2) {
        abort();
    }
    uintptr_t block = next + ALIGN;
    uintptr_t end = (block + size + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);
    size_t have = __builtin_wasm_memory_size(0) * PAGE;
    if (end < block) {
        abort();
    }
    if (end > have && __builtin_wasm_memory_grow(0, (end - have + PAGE - 1) / PAGE) == (size_t)-1) {
        abort();
    }
    *(size_t *)(block - ALIGN) = size;
    next = end;
    return (void *)block;
}

void *realloc(void *old, size_t size) {
    size_t had = old == NULL ? 0 : *(size_t *)((uintptr_t)old - ALIGN);
    if (size <= had && old != NULL) {
        return old;
    }
    void *block = malloc(size);
    if (had > 0) {
        memcpy(block, old, had);
    }
    return block;
}

void free(void *block) {
    (void)block;
}

/* A trap: the host keeps the record aside and says why. */
void abort(void) {
    __builtin_trap();
}

void *memcpy(void *to, const void *from, size_t size) {
    uint8_t *target = to;
    const uint8_t *source = from;
    for (size_t i = 0; i < size; i++) {
        target[i] = source[i];
    }
    return to;
}

void *memset(void *at, int byte, size_t size) {
    uint8_t *target = at;
    for (size_t i = 0; i < size; i++) {
        target[i] = (uint8_t)byte;
    }
    return at;
}

int memcmp(const void *one, const void *other, size_t size) {
    const uint8_t *a = one;
    const uint8_t *b = other;
    for (size_t i = 0; i < size; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length] != 0) {
        length++;
    }
    return length;
}
