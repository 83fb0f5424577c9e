/* The table that Protector loads: instances, and calls on the host's threads. */

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "shelf.h"

static const char manifest[] =
    "{\"kind\": \"storage\", \"name\": \"shelf-c\", \"version\": \"1.0.0\","
    " \"summary\": \"Volumes on a Shelf array, over its REST API, in C.\","
    " \"example\": {\"url\": \"http://shelf-1.example:8080\"},"
    " \"schema\": {\"type\": \"object\", \"required\": [\"url\"], \"additionalProperties\": false,"
    "  \"properties\": {\"url\": {\"type\": \"string\", \"format\": \"uri\","
    "   \"description\": \"Where the array's API is, such as http://shelf-1.example:8080.\"}}},"
    " \"capabilities\": {\"async_replication\": true, \"pin_points\": true,"
    "  \"connection_state\": true, \"manifest\": true, \"written_since\": true}}";

static pthread_once_t started = PTHREAD_ONCE_INIT;

static json_t *load(protector_slice slice)
{
    return json_loadb((const char *)slice.data, slice.size, JSON_DECODE_ANY, NULL);
}

/* Completes a call with a JSON body, which it takes; NULL is a body that there was no memory for. */
static void complete(const protector_host *host, uint64_t id, uint32_t status, json_t *body)
{
    static const char out_of_memory[] =
        "{\"kind\": \"unexpected\", \"retry\": \"never\", \"message\": \"the driver is out of memory\"}";
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *told = text == NULL ? out_of_memory : text;

    host->done(host->context, id, text == NULL ? PROTECTOR_FAILED : status,
               (protector_slice){(const uint8_t *)told, strlen(told)});
    free(text);
    json_decref(body);
}

static void destroy(void *instance)
{
    struct shelf *shelf = instance;

    pthread_mutex_destroy(&shelf->lock);
    free(shelf->url);
    free(shelf->token);
    free(shelf);
}

/* Why an array cannot be reached with these; NULL where all is well. */
static const char *fault_of(const char *url, const char *token)
{
    if (url == NULL)
        return "`url` is missing";
    if (strncmp(url, "http://", 7) != 0 || url[7] == '\0')
        return "`url` is not of the form http://host:port";
    if (token == NULL || *token == '\0')
        return "the secret `api_token` is missing";
    for (; *token != '\0'; token++) {
        if (!isgraph((unsigned char)*token))
            return "`api_token` holds letters that no token has";
    }
    return NULL;
}

static void *create(const protector_host *host, uint64_t id, protector_slice config)
{
    json_t *read = load(config);
    const char *url = NULL, *token = NULL, *fault;
    struct shelf *shelf = NULL;
    size_t length;

    pthread_once(&started, http_start);
    json_unpack(read, "{s:{s?s}, s?{s?s}}", "settings", "url", &url, "secrets", "api_token", &token);
    fault = fault_of(url, token);
    if (fault == NULL) {
        shelf = calloc(1, sizeof *shelf);
        if (shelf != NULL) {
            shelf->host = host;
            shelf->url = strdup(url);
            shelf->token = strdup(token);
            pthread_mutex_init(&shelf->lock, NULL);
        }
        if (shelf == NULL || shelf->url == NULL || shelf->token == NULL) {
            fault = "there is no memory for an instance";
            if (shelf != NULL)
                destroy(shelf);
            shelf = NULL;
        }
    }
    json_decref(read);
    if (fault != NULL) {
        complete(host, id, PROTECTOR_FAILED,
                 json_pack("{s:s, s:s, s:s}", "kind", "invalid_config", "retry", "never", "message",
                           fault));
        return NULL;
    }
    length = strlen(shelf->url);
    while (length > 0 && shelf->url[length - 1] == '/')
        shelf->url[--length] = '\0';
    return shelf;
}

static void enter(struct call *call)
{
    pthread_mutex_lock(&call->shelf->lock);
    call->next = call->shelf->open;
    call->shelf->open = call;
    pthread_mutex_unlock(&call->shelf->lock);
}

static void leave(struct call *call)
{
    struct call **at;

    pthread_mutex_lock(&call->shelf->lock);
    for (at = &call->shelf->open; *at != call; at = &(*at)->next)
        ;
    *at = call->next;
    pthread_mutex_unlock(&call->shelf->lock);
}

static void cancel(void *instance, uint64_t id)
{
    struct shelf *shelf = instance;
    struct call *call;

    pthread_mutex_lock(&shelf->lock);
    for (call = shelf->open; call != NULL; call = call->next) {
        if (call->id == id)
            atomic_store(&call->cancelled, true);
    }
    pthread_mutex_unlock(&shelf->lock);
}

/* A field of the context that may be absent or null. */
static const char *field(json_t *context, const char *name)
{
    return json_string_value(json_object_get(context, name));
}

/* Blocks until the array has answered: the thread is the host's, for this call alone. */
static void run(void *instance, uint64_t id, protector_slice verb, protector_slice context,
                protector_slice body)
{
    struct shelf *shelf = instance;
    const protector_host *host = shelf->host;
    verb_function *function = verb_named(verb);
    json_t *told = load(context), *request = load(body), *reply;
    struct call call = {
        .shelf = shelf,
        .id = id,
        .request_id = field(told, "request_id"),
        .operation_id = field(told, "operation_id"),
        .idempotency_key = field(told, "idempotency_key"),
        .deadline_ms = (long)json_integer_value(json_object_get(told, "deadline_ms")),
    };

    if (call.request_id == NULL)
        call.request_id = "";
    if (function == NULL) {
        host->done(host->context, id, PROTECTOR_UNSUPPORTED, (protector_slice){NULL, 0});
    } else {
        enter(&call);
        reply = function(&call, request);
        leave(&call);
        if (reply != NULL) {
            complete(host, id, PROTECTOR_OK, reply);
        } else if (atomic_load(&call.cancelled)) {
            host->done(host->context, id, PROTECTOR_CANCELLED, (protector_slice){NULL, 0});
        } else {
            complete(host, id, PROTECTOR_FAILED, json_incref(call.error));
        }
    }
    json_decref(call.error);
    json_decref(told);
    json_decref(request);
}

static const protector_driver driver = {
    .major = PROTECTOR_DRIVER_MAJOR,
    .minor = PROTECTOR_DRIVER_MINOR,
    .size = sizeof(protector_driver),
    .manifest = {(const uint8_t *)manifest, sizeof manifest - 1},
    .create = create,
    .call = run,
    .cancel = cancel,
    .destroy = destroy,
};

__attribute__((visibility("default"))) const protector_driver *protector_driver_v1(void)
{
    return &driver;
}
