/*
 * A storage driver for Protector as a shared library: the C ABI, version 1.
 *
 * The library exports one function, protector_driver_v1(), which returns a table that lives as long as
 * the process. The host reads the table and its manifest when it loads the file, and calls the rest when
 * an array is used. A library is never unloaded.
 *
 * The rules:
 *
 *  1. No memory changes owner. Each slice is lent for as long as the function lasts that it is passed to;
 *     who wants to keep it copies it. The manifest alone is lent for good.
 *  2. Text is UTF-8 without a closing zero, JSON unless something else is said. Unknown fields of an
 *     object are to be ignored, on both sides; a field that may be null may also be absent.
 *  3. Each call is completed exactly once by host->done, from any thread, before or after `call` returns.
 *     What comes twice, too late or for an unknown call is counted, told in the log and ignored. Of one
 *     library, the log takes 200 lines a second, and then says how many it has left out.
 *  4. create, call, cancel and destroy may block: the host calls them from threads of its own. At most 16
 *     are in create and call at the same time for one instance; an instance whose threads do not come back
 *     gets no more calls. Different calls come at the same time, also to one instance. At most 4 are in
 *     cancel and 4 in destroy at the same time for one library, one of them for an instance. Where these do
 *     not come back, later requests wait, and those beyond 64 for an instance or 1024 for the library are
 *     left out.
 *  5. Nothing may unwind, jump or exit across these functions.
 *  6. A call is given up when its deadline has passed; the host may then say so by `cancel`. A driver
 *     sends nothing to its array after the deadline: by then another engine may be at work.
 *  7. destroy comes after every call to the instance has been completed, and not at all where one never
 *     is, or where rule 4 says so.
 *
 * A newer minor version adds fields at the ends of the tables, which is why they carry their size, and
 * verbs, which an older driver answers with PROTECTOR_UNSUPPORTED. Anything else is another major version,
 * with an entry function of its own.
 */
#ifndef PROTECTOR_DRIVER_H
#define PROTECTOR_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PROTECTOR_DRIVER_MAJOR 1u
#define PROTECTOR_DRIVER_MINOR 0u

/* Bytes that somebody else owns. `data` may be NULL where `size` is 0. */
typedef struct protector_slice {
    const uint8_t *data;
    size_t size;
} protector_slice;

/* How a call has ended. */
enum protector_status {
    /* It is done; the body is the verb's reply, null where it has none. */
    PROTECTOR_OK = 0,
    /* It is not; the body is an error: {"kind", "retry", "message", "remote_call", "remote_request_id"}. */
    PROTECTOR_FAILED = 1,
    /* The driver has a fault that it caught; the body is a message as plain text. */
    PROTECTOR_PANICKED = 2,
    /* It was given up on request; the body is empty. */
    PROTECTOR_CANCELLED = 3,
    /* The driver does not know the verb; the body is empty. */
    PROTECTOR_UNSUPPORTED = 4
};

/* How much a line of a log matters. */
enum protector_level {
    PROTECTOR_ERROR = 1,
    PROTECTOR_WARN = 2,
    PROTECTOR_INFO = 3,
    PROTECTOR_DEBUG = 4,
    PROTECTOR_TRACE = 5
};

/* What the host lends a driver. It lives as long as the process; every function may be called from any
 * thread. */
typedef struct protector_host {
    /* The size of this struct in the host. */
    size_t size;
    /* Is passed to each of the functions below. */
    void *context;
    /* Completes a call. `status` is a protector_status. */
    void (*done)(void *context, uint64_t call_id, uint32_t status, protector_slice body);
    /* Writes a line into the host's log. `level` is a protector_level; `target` says which part of the
     * driver speaks and `message` what happened, both plain text; `fields` is a JSON object or empty. */
    void (*log)(void *context, uint32_t level, protector_slice target, protector_slice message,
                protector_slice fields);
    /* The least important level that is written at present; 0: none. */
    uint32_t (*log_level)(void *context);
} protector_host;

/* The driver. */
typedef struct protector_driver {
    /* PROTECTOR_DRIVER_MAJOR and PROTECTOR_DRIVER_MINOR of the header it was built with. */
    uint32_t major;
    uint32_t minor;
    /* The size of this struct in the driver. */
    size_t size;
    /* {"kind": "storage", "name", "version", "summary", "example": {…}, "schema": {…},
     *  "capabilities": {…}}: the name that policies use (a-z, 0-9, - and _), a version of at most 64 bytes, a
     * sentence of at most 512, both without control characters, example settings,
     * the JSON Schema of the settings, and what every instance can do. */
    protector_slice manifest;
    /* Makes an instance for one array. `config` is {"settings": {…}, "secrets": {"name": "value"}}. Secrets of
     * six bytes and more are taken out of the instance's errors, and of the log as long as it lives; shorter
     * ones are not. It sends nothing yet. Returns the instance; NULL after it has told why by done(call_id, PROTECTOR_FAILED, …).
     * Nothing is to be told where it returns one. */
    void *(*create)(const protector_host *host, uint64_t call_id, protector_slice config);
    /* Begins a call. `verb` is plain text, the name of the verb; `context` is {"request_id",
     * "operation_id", "idempotency_key", "fence", "deadline_ms"}; `body` is the verb's request, null where it
     * has none. */
    void (*call)(void *instance, uint64_t call_id, protector_slice verb, protector_slice context,
                 protector_slice body);
    /* Asks to give a call up. A hint: the call is completed anyway; an unknown one is ignored. */
    void (*cancel)(void *instance, uint64_t call_id);
    /* Lets an instance go. */
    void (*destroy)(void *instance);
} protector_driver;

/* What the library exports. Must be quick, send nothing and not fail. */
const protector_driver *protector_driver_v1(void);

#ifdef __cplusplus
}
#endif

#endif
