/* A host of a few lines that tries the driver on an array, for the address sanitizer to watch: the storage
 * kit tries what the verbs do. Usage: host http://127.0.0.1:8080 TOKEN-FILE */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shelf.h"

/* How the last call has ended. */
static struct {
    unsigned count;
    uint32_t status;
    json_t *body;
} ended;
static bool all_well = true;

static void done(void *context, uint64_t id, uint32_t status, protector_slice body)
{
    (void)context, (void)id;
    json_decref(ended.body);
    ended.body = json_loadb((const char *)body.data, body.size, JSON_DECODE_ANY, NULL);
    ended.status = status;
    ended.count++;
}

static void log_line(void *context, uint32_t level, protector_slice target, protector_slice message,
                     protector_slice fields)
{
    (void)context;
    printf("  log %u %.*s: %.*s %.*s\n", level, (int)target.size, (const char *)target.data,
           (int)message.size, (const char *)message.data, (int)fields.size, (const char *)fields.data);
}

static uint32_t log_level(void *context)
{
    (void)context;
    return PROTECTOR_TRACE;
}

static const protector_host host = {sizeof host, NULL, done, log_line, log_level};

static protector_slice slice(const char *text)
{
    return (protector_slice){(const uint8_t *)text, strlen(text)};
}

/* Says what a call came to, and whether it is what it should be: completed once, with this status and, of
 * a failure, this kind. */
static void expect(const char *what, unsigned before, uint32_t status, const char *kind)
{
    const char *found = json_string_value(json_object_get(ended.body, "kind"));
    bool well = ended.count == before + 1 && ended.status == status &&
                (kind == NULL || (found != NULL && strcmp(found, kind) == 0));
    char *told = json_dumps(ended.body, JSON_COMPACT | JSON_ENCODE_ANY);

    printf("%s %s: %u %s\n", well ? "ok " : "BAD", what, ended.status, told == NULL ? "" : told);
    free(told);
    all_well = all_well && well;
}

static void *instance_of(const protector_driver *driver, const char *url, const char *token)
{
    json_t *config =
        json_pack("{s:{s:s}, s:{s:s}}", "settings", "url", url, "secrets", "api_token", token);
    char *text = json_dumps(config, 0);
    void *instance = driver->create(&host, 1, slice(text));

    free(text);
    json_decref(config);
    return instance;
}

int main(int argc, char **argv)
{
    static const char group[] = "{\"group\": \"a/b ü\", \"mode\": \"async\", \"target\":"
                                " {\"id\": \"stranger\", \"name\": \"stranger\"}}";
    static const char copy[] = "{\"group\": {\"local\": {\"name\": \"g\"}}, \"point\": \"p\","
                               " \"source\": \"s\", \"name\": \"copy\"}";
    static const struct {
        const char *verb, *body;
        uint32_t status;
        const char *kind;
    } calls[] = {
        {"describe", "null", PROTECTOR_OK, NULL},
        {"get_link", "{\"remote\": {\"id\": \"x\", \"name\": \"x\"}}", PROTECTOR_OK, NULL},
        {"get_volume", "{\"name\": \"nobody\"}", PROTECTOR_FAILED, "not_found"},
        {"get_volume", "{\"name\": \"..\"}", PROTECTOR_FAILED, "invalid_request"},
        {"get_volume", "{}", PROTECTOR_FAILED, "invalid_request"},
        {"get_volume", "no JSON", PROTECTOR_FAILED, "invalid_request"},
        {"ensure_group", group, PROTECTOR_FAILED, "invalid_request"},
        {"materialize_volume", copy, PROTECTOR_FAILED, "not_found"},
        {"list_points", "{\"group\": {\"local\": {\"name\": \"g\"}}}", PROTECTOR_OK, NULL},
        {"delete_group", "{\"group\": {\"neither\": 1}}", PROTECTOR_FAILED, "invalid_request"},
        {"no_such_verb", "{}", PROTECTOR_UNSUPPORTED, NULL},
    };
    const protector_driver *driver = protector_driver_v1();
    char token[256] = "";
    void *instance;
    FILE *file;

    if (argc != 3 || (file = fopen(argv[2], "r")) == NULL || fgets(token, sizeof token, file) == NULL) {
        fprintf(stderr, "usage: host URL TOKEN-FILE\n");
        return 2;
    }
    fclose(file);
    token[strcspn(token, "\r\n")] = '\0';

    all_well = instance_of(driver, "ftp://nowhere", token) == NULL;
    expect("create", 0, PROTECTOR_FAILED, "invalid_config");
    instance = instance_of(driver, "http://127.0.0.1:1", token);
    driver->call(instance, 2, slice("describe"), slice("{\"deadline_ms\": 5000}"), slice("null"));
    expect("describe, nobody there", 1, PROTECTOR_FAILED, "unreachable");
    driver->destroy(instance);
    instance = instance_of(driver, argv[1], "another-token");
    driver->call(instance, 3, slice("describe"), slice("{\"deadline_ms\": 5000}"), slice("null"));
    expect("describe, wrong token", 2, PROTECTOR_FAILED, "unauthorized");
    driver->destroy(instance);

    instance = instance_of(driver, argv[1], token);
    for (unsigned at = 0; at < sizeof calls / sizeof *calls; at++) {
        driver->call(instance, 4 + at, slice(calls[at].verb),
                     slice("{\"request_id\": \"req-1\", \"operation_id\": null, \"fence\": 1,"
                           " \"idempotency_key\": \"o/s\", \"deadline_ms\": 5000}"),
                     slice(calls[at].body));
        expect(calls[at].verb, 3 + at, calls[at].status, calls[at].kind);
    }
    driver->cancel(instance, 99);
    driver->destroy(instance);
    json_decref(ended.body);
    return all_well ? 0 : 1;
}
