/* What the parts of the driver share. */
#ifndef SHELF_H
#define SHELF_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "protector_driver.h"

/* An instance: one array. */
struct shelf {
    const protector_host *host;
    char *url;
    char *token;
    /* Guards the list of the calls that are under way, where `cancel` looks for one. */
    pthread_mutex_t lock;
    struct call *open;
};

/* A call that is under way. It lives on the stack of the thread that the host calls on. */
struct call {
    struct shelf *shelf;
    uint64_t id;
    /* Of the call's context, which outlives the call; the last two may be NULL. */
    const char *request_id;
    const char *operation_id;
    const char *idempotency_key;
    long deadline_ms;
    /* The host has given the call up. */
    atomic_bool cancelled;
    /* Why there is no reply, in the form of PROTECTOR_FAILED. */
    json_t *error;
    struct call *next;
};

/* text.c */

/* A text that grows. `data` is NULL after memory ran out. */
struct text {
    char *data;
    size_t size;
    bool failed;
};

void text_add(struct text *text, const char *data, size_t size);

/* A path of these segments up to NULL, percent-encoded; NULL where one is no name. The caller frees it. */
char *path_of(const char *first, ...);

/* http.c */

/* Notes why a call has failed: one of the framework's error kinds and a message for people. Always NULL,
 * for the reply. */
json_t *fail(struct call *call, const char *kind, const char *message);

/* The kind that was noted, or "". */
const char *failure(const struct call *call);

/* One request to the array. Takes `path` and `body`, either of which may be NULL: a path that is NULL
 * was no path. The answer, null where it has none; NULL after a failure was noted. */
json_t *http(struct call *call, const char *method, char *path, json_t *body);

void http_start(void);

/* verbs.c */

/* A verb: reads the request, asks the array and gives the reply; NULL after a failure was noted. */
typedef json_t *verb_function(struct call *call, json_t *request);

/* The verb of this name; NULL for one that the driver does not know. */
verb_function *verb_named(protector_slice name);

#endif
