/* One request to the array and its answer, or the error that the engine decides by. */

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shelf.h"

/* The longest answer that is read, in bytes. */
#define MAX_ANSWER ((size_t)16 << 20)

/* One exchange. `call` is what the error names: method and path. */
struct exchange {
    struct call *call;
    CURL *curl;
    struct curl_slist *headers;
    struct text name;
    struct text url;
    char *body;
    struct text answer;
    char trouble[CURL_ERROR_SIZE];
};

void http_start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

const char *failure(const struct call *call)
{
    const char *kind = json_string_value(json_object_get(call->error, "kind"));

    return kind == NULL ? "" : kind;
}

/* Whether the same call can succeed later with nothing else changed. */
static bool is_transient(const char *kind)
{
    return strcmp(kind, "busy") == 0 || strcmp(kind, "unreachable") == 0 ||
           strcmp(kind, "rate_limited") == 0 || strcmp(kind, "timeout") == 0;
}

json_t *fail(struct call *call, const char *kind, const char *message)
{
    json_decref(call->error);
    call->error = json_pack("{s:s, s:s, s:s}", "kind", kind, "message", message, "retry",
                            is_transient(kind) ? "now" : "never");
    return NULL;
}

/* The same of a request to the array: with the array's address, the request and its ids. */
static void fail_there(struct exchange *x, const char *kind, const char *why)
{
    const char *id = x->call->request_id;
    struct curl_header *header;
    curl_off_t wait = 0;
    struct text message = {0};

    text_add(&message, x->call->shelf->url, strlen(x->call->shelf->url));
    text_add(&message, ": `", 3);
    text_add(&message, x->name.data, x->name.size);
    text_add(&message, "`: ", 3);
    text_add(&message, why, strlen(why));
    fail(x->call, kind, message.data == NULL ? why : message.data);
    free(message.data);
    if (curl_easy_header(x->curl, "x-request-id", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
        id = header->value;
    json_object_set_new(x->call->error, "remote_call", json_string(x->name.data));
    json_object_set_new(x->call->error, "remote_request_id", json_string(id));
    curl_easy_getinfo(x->curl, CURLINFO_RETRY_AFTER, &wait);
    if (wait > 0 && is_transient(kind))
        json_object_set_new(x->call->error, "retry", json_pack("{s:I}", "after", (json_int_t)wait));
}

/* The class in which the engine sees a refusal. */
static const char *kind_of(long status, const char *code)
{
    switch (status) {
    case 401:
    case 403:
        return "unauthorized";
    case 404:
        /* For the call itself, not for what it names: an older array. */
        return strcmp(code, "not_found") == 0 ? "not_found" : "unsupported";
    case 409:
        return strcmp(code, "exists") == 0 ? "already_exists" : "conflict";
    case 429:
        return "rate_limited";
    case 501:
        return "unsupported";
    case 502:
    case 504:
        /* A proxy in between speaks: the array did not answer. */
        return "unreachable";
    case 503:
        return "busy";
    case 507:
        return "quota_exceeded";
    default:
        return status >= 400 && status < 500 ? "invalid_request" : "unexpected";
    }
}

static size_t on_answer(char *data, size_t one, size_t size, void *context)
{
    struct exchange *x = context;

    if (x->answer.size + size > MAX_ANSWER)
        return 0;
    text_add(&x->answer, data, one * size);
    return x->answer.failed ? 0 : size;
}

/* curl asks about once a second whether to go on. */
static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct exchange *x = context;

    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&x->call->cancelled) ? 1 : 0;
}

static bool add_header(struct exchange *x, const char *name, const char *value)
{
    struct text line = {0};
    struct curl_slist *longer;

    if (value == NULL)
        return true;
    text_add(&line, name, strlen(name));
    text_add(&line, ": ", 2);
    text_add(&line, value, strlen(value));
    longer = line.failed ? NULL : curl_slist_append(x->headers, line.data);
    free(line.data);
    if (longer == NULL)
        return false;
    x->headers = longer;
    return true;
}

/* Makes the request; false where memory ran out. */
static bool prepare(struct exchange *x, const char *method, const char *path, json_t *body)
{
    struct call *call = x->call;

    text_add(&x->name, method, strlen(method));
    text_add(&x->name, " ", 1);
    text_add(&x->name, path, strlen(path));
    text_add(&x->url, call->shelf->url, strlen(call->shelf->url));
    text_add(&x->url, path, strlen(path));
    if (body != NULL)
        x->body = json_dumps(body, JSON_COMPACT);
    x->curl = curl_easy_init();
    if (x->name.failed || x->url.failed || x->curl == NULL || (body != NULL && x->body == NULL))
        return false;
    if (!add_header(x, "X-Shelf-Token", call->shelf->token) ||
        !add_header(x, "X-Request-Id", call->request_id) ||
        !add_header(x, "Idempotency-Key", call->idempotency_key) ||
        !add_header(x, "Content-Type", "application/json"))
        return false;
    curl_easy_setopt(x->curl, CURLOPT_URL, x->url.data);
    curl_easy_setopt(x->curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(x->curl, CURLOPT_PROXY, "");
    /* Signals are the host's. */
    curl_easy_setopt(x->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, x->headers);
    if (strcmp(method, "GET") != 0) {
        curl_easy_setopt(x->curl, CURLOPT_POSTFIELDS, x->body == NULL ? "" : x->body);
        curl_easy_setopt(x->curl, CURLOPT_CUSTOMREQUEST, method);
    }
    /* Nothing is sent after the deadline. */
    curl_easy_setopt(x->curl, CURLOPT_TIMEOUT_MS, call->deadline_ms < 1 ? 1L : call->deadline_ms);
    curl_easy_setopt(x->curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(x->curl, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(x->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(x->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(x->curl, CURLOPT_XFERINFODATA, x);
    curl_easy_setopt(x->curl, CURLOPT_ERRORBUFFER, x->trouble);
    return true;
}

/* A line in the host's log, where it wants one. */
static void tell(const struct exchange *x, long status)
{
    const protector_host *host = x->call->shelf->host;
    const char *target = "http";
    json_t *fields;
    char *text;

    if (host->log_level(host->context) < PROTECTOR_DEBUG)
        return;
    fields = json_pack("{s:s, s:I}", "request_id", x->call->request_id, "status", (json_int_t)status);
    text = fields == NULL ? NULL : json_dumps(fields, JSON_COMPACT);
    if (text != NULL)
        host->log(host->context, PROTECTOR_DEBUG,
                  (protector_slice){(const uint8_t *)target, strlen(target)},
                  (protector_slice){(const uint8_t *)x->name.data, x->name.size},
                  (protector_slice){(const uint8_t *)text, strlen(text)});
    free(text);
    json_decref(fields);
}

static json_t *refused(struct exchange *x, long status)
{
    const char *code = "", *message = "no reason given";
    char why[1024];
    json_t *told = json_loadb(x->answer.data == NULL ? "" : x->answer.data, x->answer.size, 0, NULL);

    json_unpack(told, "{s:{s?s, s?s}}", "error", "code", &code, "message", &message);
    snprintf(why, sizeof why, "%ld: %.900s", status, message);
    fail_there(x, kind_of(status, code), why);
    json_decref(told);
    return NULL;
}

static json_t *exchanged(struct exchange *x)
{
    CURLcode code = curl_easy_perform(x->curl);
    json_error_t wrong;
    json_t *answer;
    long status = 0;

    if (code == CURLE_OPERATION_TIMEDOUT) {
        fail_there(x, "timeout", "no answer within the call's deadline");
        return NULL;
    }
    if (code != CURLE_OK) {
        fail_there(x, "unreachable", *x->trouble == '\0' ? curl_easy_strerror(code) : x->trouble);
        return NULL;
    }
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    tell(x, status);
    if (status < 200 || status > 299)
        return refused(x, status);
    /* 204 has no body. */
    if (x->answer.size == 0)
        return json_null();
    answer = json_loadb(x->answer.data, x->answer.size, JSON_DECODE_ANY, &wrong);
    if (answer == NULL)
        fail_there(x, "unexpected", wrong.text);
    return answer;
}

json_t *http(struct call *call, const char *method, char *path, json_t *body)
{
    struct exchange x = {.call = call};
    json_t *answer = NULL;

    if (path == NULL)
        fail(call, "invalid_request", "a name is empty, or one that an array cannot have");
    else if (prepare(&x, method, path, body))
        answer = exchanged(&x);
    else
        fail(call, "unexpected", "there is no memory for a request");
    curl_easy_cleanup(x.curl);
    curl_slist_free_all(x.headers);
    free(x.name.data);
    free(x.url.data);
    free(x.body);
    free(x.answer.data);
    free(path);
    json_decref(body);
    return answer;
}
