/* Fields of an urlencoded form. */
#ifndef HEARTBEAT_FORM_H
#define HEARTBEAT_FORM_H
#include "collector.h"
#include <stdbool.h>

/* The first field of that name, decoded, as text that is valid UTF-8; empty when there is none. */
collector_string_t form_field(const collector_list_u8_t *form, const char *name);

/* Whether a text says exactly that. */
bool says(const collector_string_t *text, const char *words);

#endif
