/* Texts that grow, and the paths of the array's API. */

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shelf.h"

void text_add(struct text *text, const char *data, size_t size)
{
    char *grown = text->failed ? NULL : realloc(text->data, text->size + size + 1);

    if (grown == NULL) {
        free(text->data);
        *text = (struct text){.failed = true};
        return;
    }
    memcpy(grown + text->size, data, size);
    text->data = grown;
    text->size += size;
    text->data[text->size] = '\0';
}

/* Whether a segment would lead elsewhere than to what it names. */
static bool is_no_name(const char *segment)
{
    return *segment == '\0' || strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0;
}

static void add_encoded(struct text *text, const char *segment)
{
    for (; *segment != '\0'; segment++) {
        unsigned char byte = (unsigned char)*segment;
        char encoded[4];

        if (byte < 0x80 && (isalnum(byte) || byte == '-' || byte == '_'))
            text_add(text, segment, 1);
        else
            text_add(text, encoded, (size_t)snprintf(encoded, sizeof encoded, "%%%02X", byte));
    }
}

char *path_of(const char *first, ...)
{
    struct text path = {0};
    const char *segment;
    va_list rest;

    va_start(rest, first);
    for (segment = first; segment != NULL; segment = va_arg(rest, const char *)) {
        if (is_no_name(segment)) {
            va_end(rest);
            free(path.data);
            return NULL;
        }
        text_add(&path, "/", 1);
        add_encoded(&path, segment);
    }
    va_end(rest);
    return path.data;
}
