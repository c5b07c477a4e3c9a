/* Fields of an urlencoded form. Every text that leaves a component must be UTF-8, so bytes that are none become '?'. */
#include "form.h"
#include <stdlib.h>
#include <string.h>

static int digit(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* %41 and + decoded; a percent sign without two digits stays. */
static collector_string_t decoded(const uint8_t *from, size_t length) {
    collector_string_t text = {length == 0 ? NULL : malloc(length), 0};
    for (size_t i = 0; i < length; i++) {
        uint8_t c = from[i] == '+' ? ' ' : from[i];
        if (from[i] == '%' && i + 2 < length && digit(from[i + 1]) >= 0 && digit(from[i + 2]) >= 0) {
            c = (uint8_t)(digit(from[i + 1]) * 16 + digit(from[i + 2]));
            i += 2;
        }
        text.ptr[text.len++] = c;
    }
    return text;
}

/* How many bytes the character at `at` has; 0 when it is none. */
static size_t character(const uint8_t *at, size_t left) {
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
    if (length == 0 || length > left) return 0;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
    }
    if (at[0] == 0xe0 && at[1] < 0xa0) return 0; /* written longer than need be */
    if (at[0] == 0xed && at[1] > 0x9f) return 0; /* half of a UTF-16 pair */
    if (at[0] == 0xf0 && at[1] < 0x90) return 0;
    if (at[0] == 0xf4 && at[1] > 0x8f) return 0; /* beyond Unicode */
    return length;
}

static void to_utf8(collector_string_t *text) {
    for (size_t i = 0; i < text->len;) {
        size_t length = character(text->ptr + i, text->len - i);
        if (length == 0) {
            text->ptr[i] = '?';
            length = 1;
        }
        i += length;
    }
}

collector_string_t form_field(const collector_list_u8_t *form, const char *name) {
    size_t start = 0;
    while (start < form->len) {
        size_t end = start;
        while (end < form->len && form->ptr[end] != '&') end++;
        size_t equals = start;
        while (equals < end && form->ptr[equals] != '=') equals++;
        /* The names asked for are plain, so they stand in the form as they are. */
        collector_string_t key = {form->ptr + start, equals - start};
        if (says(&key, name)) {
            size_t value = equals < end ? equals + 1 : end;
            collector_string_t text = decoded(form->ptr + value, end - value);
            to_utf8(&text);
            return text;
        }
        start = end + 1;
    }
    return (collector_string_t){NULL, 0};
}

bool says(const collector_string_t *text, const char *words) {
    size_t length = strlen(words);
    return text->len == length && memcmp(text->ptr, words, length) == 0;
}
