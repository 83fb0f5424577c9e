/* The verbs, each of which is one request: what the Shelf does is idempotent by itself. */

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "shelf.h"

/* Requests and replies */

/* Reads fields of a request, in jansson's format; false after a failure was noted. */
static bool read_request(struct call *call, json_t *request, const char *format, ...)
{
    json_error_t wrong;
    va_list fields;
    int result;

    va_start(fields, format);
    result = json_vunpack_ex(request, &wrong, 0, format, fields);
    va_end(fields);
    if (result != 0)
        fail(call, "invalid_request", wrong.text);
    return result == 0;
}

static json_t *get(struct call *call, char *path)
{
    return http(call, "GET", path, NULL);
}

static json_t *put(struct call *call, char *path, json_t *body)
{
    return http(call, "PUT", path, body);
}

/* A field as the array calls it, and as Protector does. */
struct field {
    const char *theirs;
    const char *ours;
};

/* An object with the fields under our names; NULL where one is missing. Takes nothing. */
static json_t *translated(json_t *theirs, const struct field *fields)
{
    json_t *ours = json_object();

    for (; fields->theirs != NULL; fields++) {
        if (json_object_set(ours, fields->ours, json_object_get(theirs, fields->theirs)) != 0) {
            json_decref(ours);
            return NULL;
        }
    }
    return ours;
}

/* The same of every object of an array. */
static json_t *all_translated(json_t *theirs, const struct field *fields)
{
    json_t *ours = json_array(), *one;
    size_t at;

    json_array_foreach(theirs, at, one) {
        if (json_array_append_new(ours, translated(one, fields)) != 0) {
            json_decref(ours);
            return NULL;
        }
    }
    return ours;
}

/* An object with one more field. Takes both; NULL where either is. */
static json_t *with(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, value) == 0)
        return object;
    json_decref(object);
    return NULL;
}

/* Puts a translation in the place of the array's answer, which it takes. */
static json_t *reply_with(struct call *call, json_t *answer, json_t *reply)
{
    if (answer != NULL && reply == NULL)
        fail(call, "unexpected", "the array's answer lacks a field");
    json_decref(answer);
    return reply;
}

static json_t *volume(struct call *call, json_t *answer)
{
    static const struct field fields[] = {
        {"name", "name"},           {"serial", "serial"}, {"size", "size_bytes"},
        {"connected", "connected"}, {"tag", "made_by"},   {NULL, NULL},
    };

    return reply_with(call, answer, answer == NULL ? NULL : translated(answer, fields));
}

static json_t *group_status(struct call *call, json_t *answer)
{
    static const struct field fields[] = {
        {"name", "group"},
        {"target", "target"},
        {"scheduled", "scheduled"},
        {"last_sent", "last_complete_at"},
        {NULL, NULL},
    };
    static const struct field members[] = {
        {"name", "name"}, {"serial", "serial"}, {"copied", "seeded"}, {NULL, NULL},
    };
    json_t *volumes = json_object_get(answer, "volumes");

    if (answer == NULL)
        return NULL;
    return reply_with(call, answer,
                      with(translated(answer, fields), "volumes", all_translated(volumes, members)));
}

static json_t *transfer(struct call *call, json_t *answer)
{
    static const struct field fields[] = {
        {"point", "point"},      {"taken", "taken_at"}, {"sent", "bytes_sent"},
        {"total", "bytes_total"}, {NULL, NULL},
    };
    const char *state = "", *ours = "running";

    if (answer == NULL)
        return NULL;
    json_unpack(answer, "{s:s}", "state", &state);
    if (strcmp(state, "sent") == 0)
        ours = "complete";
    else if (strcmp(state, "waiting") == 0)
        ours = "stalled";
    return reply_with(call, answer, with(translated(answer, fields), "state", json_string(ours)));
}

static json_t *point(json_t *theirs)
{
    static const struct field fields[] = {
        {"name", "name"}, {"taken", "taken_at"}, {"whole", "complete"}, {"holders", "pinned_by"},
        {NULL, NULL},
    };
    static const struct field volumes[] = {
        {"name", "name"}, {"serial", "serial"}, {"size", "size_bytes"}, {NULL, NULL},
    };
    json_t *held = json_object_get(theirs, "volumes");

    return with(translated(theirs, fields), "volumes", all_translated(held, volumes));
}

/* Groups: {"local": {"name"}} sends from here, {"replica": {"name", "source"}} was received. */

/* Its name, and the id of the array it comes from: NULL for this one's own. */
static bool read_group(struct call *call, json_t *group, const char **name, const char **source)
{
    json_t *local = json_object_get(group, "local");

    *source = NULL;
    if (local != NULL)
        return read_request(call, local, "{s:s}", "name", name);
    return read_request(call, group, "{s:{s:s, s:{s:s}}}", "replica", "name", name, "source", "id",
                        source);
}

/* The path of something below a group; NULL after a failure was noted, or for what is no path. */
static char *below_group(struct call *call, json_t *group, const char *below)
{
    const char *name, *source;
    struct text path = {0};
    char *place;

    if (!read_group(call, group, &name, &source))
        return NULL;
    place = source == NULL ? path_of("groups", name, NULL) : path_of("received", source, name, NULL);
    if (place == NULL || below == NULL) {
        free(place);
        return NULL;
    }
    text_add(&path, place, strlen(place));
    text_add(&path, below, strlen(below));
    free(place);
    return path.data;
}

/* One volume of a point, as the array wants it named. */
static json_t *content(struct call *call, json_t *request)
{
    const char *name, *source, *point, *serial;
    json_t *group;

    if (!read_request(call, request, "{s:o, s:s, s:s}", "group", &group, "point", &point, "source",
                      &serial) ||
        !read_group(call, group, &name, &source))
        return NULL;
    return json_pack("{s:s, s:s?, s:s, s:s}", "group", name, "source", source, "point", point, "serial",
                     serial);
}

/* The verbs */

static json_t *describe(struct call *call, json_t *request)
{
    json_t *answer = get(call, path_of("array", NULL));

    (void)request;
    if (answer == NULL)
        return NULL;
    return reply_with(call, answer,
                      json_pack("{s:{s:O, s:O}, s:O, s:O, s:O}", "identity", "id",
                                json_object_get(answer, "id"), "name", json_object_get(answer, "name"),
                                "version", json_object_get(answer, "model"), "capacity_bytes",
                                json_object_get(answer, "capacity"), "used_bytes",
                                json_object_get(answer, "used")));
}

static json_t *get_link(struct call *call, json_t *request)
{
    const char *id, *state = "", *detail = "", *ours = "disconnected";
    json_t *answer;

    if (!read_request(call, request, "{s:{s:s}}", "remote", "id", &id))
        return NULL;
    answer = get(call, path_of("links", id, NULL));
    if (answer == NULL) {
        /* To be unknown is an answer to this question, and no error. */
        if (strcmp(failure(call), "not_found") == 0)
            return json_pack("{s:s}", "state", "unknown");
        return NULL;
    }
    json_unpack(answer, "{s:s, s:s}", "state", &state, "detail", &detail);
    if (strcmp(state, "up") == 0)
        ours = "connected";
    else if (strcmp(state, "degraded") == 0)
        ours = "partial";
    return reply_with(call, answer, json_pack("{s:s, s:s}", "state", ours, "detail", detail));
}

static json_t *resolve_volume(struct call *call, json_t *request)
{
    const char *cinder_id, *name_id = json_string_value(json_object_get(request, "name_id"));
    struct text name = {0};
    json_t *reply;

    if (!read_request(call, request, "{s:s}", "cinder_id", &cinder_id))
        return NULL;
    if (name_id == NULL)
        name_id = cinder_id;
    /* What the array's Cinder driver calls a volume. Only the whole name proves it. */
    text_add(&name, "volume-", 7);
    text_add(&name, name_id, strlen(name_id));
    text_add(&name, "-cinder", 7);
    reply = volume(call, get(call, name.failed ? NULL : path_of("volumes", name.data, NULL)));
    free(name.data);
    return reply;
}

static json_t *get_volume(struct call *call, json_t *request)
{
    const char *name;

    if (!read_request(call, request, "{s:s}", "name", &name))
        return NULL;
    return volume(call, get(call, path_of("volumes", name, NULL)));
}

static json_t *ensure_group(struct call *call, json_t *request)
{
    const char *name, *mode;
    json_t *target, *body;

    if (!read_request(call, request, "{s:s, s:s, s:o}", "group", &name, "mode", &mode, "target",
                      &target))
        return NULL;
    if (strcmp(mode, "async") != 0)
        return fail(call, "unsupported", "a Shelf has no synchronous groups");
    body = json_pack("{s:O, s:O*, s:O*}", "target", target, "interval_seconds",
                     json_object_get(request, "interval_seconds"), "keep_points",
                     json_object_get(request, "keep_points"));
    return group_status(call, put(call, path_of("groups", name, NULL), body));
}

static json_t *get_group(struct call *call, json_t *request)
{
    const char *name;

    if (!read_request(call, request, "{s:s}", "group", &name))
        return NULL;
    return group_status(call, get(call, path_of("groups", name, NULL)));
}

static json_t *set_group_volumes(struct call *call, json_t *request)
{
    const char *name;
    json_t *volumes;

    if (!read_request(call, request, "{s:s, s:o}", "group", &name, "volumes", &volumes))
        return NULL;
    return group_status(call, put(call, path_of("groups", name, "volumes", NULL),
                                  json_pack("{s:O}", "volumes", volumes)));
}

static json_t *suspend_group(struct call *call, json_t *request)
{
    const char *name;

    if (!read_request(call, request, "{s:s}", "group", &name))
        return NULL;
    /* A Shelf asks nobody else for this: `here_only` makes no difference. */
    return put(call, path_of("groups", name, "suspended", NULL), NULL);
}

static json_t *delete_group(struct call *call, json_t *request)
{
    char *path = below_group(call, json_object_get(request, "group"), "");

    return http(call, "DELETE", path, NULL);
}

static json_t *start_replication(struct call *call, json_t *request)
{
    const char *name, *point;

    if (!read_request(call, request, "{s:s, s:s}", "group", &name, "point", &point))
        return NULL;
    return transfer(call, put(call, path_of("groups", name, "points", point, NULL), NULL));
}

static json_t *get_replication(struct call *call, json_t *request)
{
    const char *name, *point;

    if (!read_request(call, request, "{s:s, s:s}", "group", &name, "point", &point))
        return NULL;
    return transfer(call, get(call, path_of("groups", name, "points", point, NULL)));
}

static json_t *list_points(struct call *call, json_t *request)
{
    json_t *answer, *reply, *one;
    size_t at;

    answer = get(call, below_group(call, json_object_get(request, "group"), "/points"));
    if (answer == NULL)
        return NULL;
    reply = json_array();
    json_array_foreach(json_object_get(answer, "points"), at, one) {
        if (json_array_append_new(reply, point(one)) != 0) {
            json_decref(reply);
            reply = NULL;
            break;
        }
    }
    return reply_with(call, answer, reply);
}

/* Pins a point, or lets it go. */
static json_t *hold(struct call *call, json_t *request, const char *method)
{
    const char *point, *holder;
    json_t *group, *reply;
    char *below;

    if (!read_request(call, request, "{s:o, s:s, s:s}", "group", &group, "point", &point, "holder",
                      &holder))
        return NULL;
    below = path_of("points", point, "holders", holder, NULL);
    reply = http(call, method, below_group(call, group, below), NULL);
    free(below);
    return reply;
}

static json_t *pin_point(struct call *call, json_t *request)
{
    return hold(call, request, "PUT");
}

static json_t *unpin_point(struct call *call, json_t *request)
{
    return hold(call, request, "DELETE");
}

static json_t *materialize_volume(struct call *call, json_t *request)
{
    const char *name;
    json_t *from = content(call, request);

    if (from == NULL || !read_request(call, request, "{s:s}", "name", &name)) {
        json_decref(from);
        return NULL;
    }
    /* By the tag the engine knows later whose volume this is. */
    return volume(call, http(call, "POST", path_of("volumes", NULL),
                             json_pack("{s:s, s:o, s:s?}", "name", name, "from", from, "tag",
                                       call->operation_id)));
}

static json_t *overwrite_volume(struct call *call, json_t *request)
{
    const char *name, *serial;
    json_t *from = content(call, request);

    if (from == NULL ||
        !read_request(call, request, "{s:s, s:s}", "name", &name, "serial", &serial)) {
        json_decref(from);
        return NULL;
    }
    return volume(call, put(call, path_of("volumes", name, "content", NULL),
                            json_pack("{s:s, s:o}", "serial", serial, "from", from)));
}

static json_t *snapshot_volume(struct call *call, json_t *request)
{
    const char *name, *snapshot;

    if (!read_request(call, request, "{s:s, s:s}", "volume", &name, "snapshot", &snapshot))
        return NULL;
    return put(call, path_of("volumes", name, "snapshots", snapshot, NULL), NULL);
}

static json_t *discard_volume(struct call *call, json_t *request)
{
    const char *name, *serial;
    char *place, *encoded;
    struct text path = {0};

    if (!read_request(call, request, "{s:s, s:s}", "name", &name, "serial", &serial))
        return NULL;
    /* The array looks for the serial where the name is gone, and refuses another serial. */
    place = path_of("volumes", name, NULL);
    encoded = path_of(serial, NULL);
    if (place != NULL && encoded != NULL) {
        text_add(&path, place, strlen(place));
        text_add(&path, "?serial=", 8);
        text_add(&path, encoded + 1, strlen(encoded) - 1);
    }
    free(place);
    free(encoded);
    return http(call, "DELETE", path.data, NULL);
}

static json_t *get_written(struct call *call, json_t *request)
{
    const char *name, *point, *serial;
    json_t *answer;

    if (!read_request(call, request, "{s:s, s:s, s:s}", "group", &name, "point", &point, "volume",
                      &serial))
        return NULL;
    answer = get(call, path_of("groups", name, "points", point, "changes", serial, NULL));
    return reply_with(call, answer, json_incref(json_object_get(answer, "bytes")));
}

static json_t *write_manifest(struct call *call, json_t *request)
{
    const char *name;
    json_t *document;

    if (!read_request(call, request, "{s:s, s:o}", "group", &name, "document", &document))
        return NULL;
    return put(call, path_of("groups", name, "document", NULL),
               json_pack("{s:O}", "document", document));
}

static json_t *read_manifest(struct call *call, json_t *request)
{
    json_t *answer = get(call, below_group(call, json_object_get(request, "group"), "/document"));

    return reply_with(call, answer, json_incref(json_object_get(answer, "document")));
}

verb_function *verb_named(protector_slice name)
{
    static const struct {
        const char *name;
        verb_function *function;
    } verbs[] = {
        {"describe", describe},
        {"get_link", get_link},
        {"resolve_volume", resolve_volume},
        {"get_volume", get_volume},
        {"ensure_group", ensure_group},
        {"get_group", get_group},
        {"set_group_volumes", set_group_volumes},
        {"suspend_group", suspend_group},
        {"delete_group", delete_group},
        {"start_replication", start_replication},
        {"get_replication", get_replication},
        {"list_points", list_points},
        {"pin_point", pin_point},
        {"unpin_point", unpin_point},
        {"materialize_volume", materialize_volume},
        {"overwrite_volume", overwrite_volume},
        {"snapshot_volume", snapshot_volume},
        {"discard_volume", discard_volume},
        {"get_written", get_written},
        {"write_manifest", write_manifest},
        {"read_manifest", read_manifest},
    };

    for (size_t at = 0; at < sizeof verbs / sizeof *verbs; at++) {
        if (strlen(verbs[at].name) == name.size &&
            memcmp(verbs[at].name, name.data, name.size) == 0)
            return verbs[at].function;
    }
    return NULL;
}
