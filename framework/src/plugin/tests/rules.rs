//! A library in C that breaks the rules of the boundary itself.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::unruly::lines;
use super::{c_library, ctx, with_file};
use crate::plugin::host::{LibraryState, library_states};
use crate::{DriverConfig, DriverError, ErrorKind, Registry, StorageDriver};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);
/// More than may wait.
const HUNDREDS: usize = 1500;

/// What an instance does is the text in its settings.
const SOURCE: &str = r#"
#include "protector_driver.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct instance { const protector_host *host; char *mode; uint64_t late; };

static protector_slice text(const char *words) {
    protector_slice slice = {(const uint8_t *)words, strlen(words)};
    return slice;
}
static int is(const char *mode, const char *word) { return strstr(mode, word) != NULL; }

static void *create(const protector_host *host, uint64_t id, protector_slice config) {
    char *mode = calloc(1, config.size + 1);
    memcpy(mode, config.data, config.size);
    if (is(mode, "no reason")) { free(mode); return NULL; }
    if (is(mode, "says ok")) { host->done(host->context, id, PROTECTOR_OK, text("null")); free(mode); return NULL; }
    struct instance *made = calloc(1, sizeof *made);
    made->host = host;
    made->mode = mode;
    return made;
}
static void call(void *at, uint64_t id, protector_slice verb, protector_slice context, protector_slice body) {
    struct instance *me = at;
    const protector_host *host = me->host;
    void *to = host->context;
    (void)verb; (void)context; (void)body;
    if (is(me->mode, "twice")) {
        host->done(to, id, PROTECTOR_UNSUPPORTED, text(""));
        host->done(to, id, PROTECTOR_OK, text("null"));
    } else if (is(me->mode, "never")) {
    } else if (is(me->mode, "garbage")) {
        host->done(to, id, PROTECTOR_OK, text("{{{"));
    } else if (is(me->mode, "another reply")) {
        host->done(to, id, PROTECTOR_OK, text("[1, 2, 3]"));
    } else if (is(me->mode, "not text")) {
        host->done(to, id, PROTECTOR_OK, text("\xff\xfe"));
    } else if (is(me->mode, "odd status")) {
        host->done(to, id, 99, text(""));
    } else if (is(me->mode, "odd error")) {
        host->done(to, id, PROTECTOR_FAILED, text("no"));
    } else if (is(me->mode, "new error")) {
        host->done(to, id, PROTECTOR_FAILED, text("{\"kind\": \"of_next_year\", \"retry\": \"never\", \"message\": \"m\", \"more\": 1}"));
    } else if (is(me->mode, "too long")) {
        protector_slice slice = {calloc(17, 1 << 20), 17 << 20};
        host->done(to, id, PROTECTOR_OK, slice);
        free((void *)slice.data);
    } else if (is(me->mode, "endless")) {
        protector_slice slice = {(const uint8_t *)"x", SIZE_MAX};
        host->log(to, PROTECTOR_INFO, slice, slice, slice);
        host->log(to, PROTECTOR_INFO, text("lawless"), text("after an endless one"), slice);
        host->done(to, id, PROTECTOR_OK, slice);
    } else if (is(me->mode, "floods")) {
        for (int i = 0; i < 20000; i++) {
            host->log(to, PROTECTOR_INFO, text("lawless"), text("a flood"), text(""));
            host->log(to, PROTECTOR_TRACE, text("lawless"), text("unheard"), text(""));
        }
        for (int i = 0; i < 20000; i++) host->done(to, 0, PROTECTOR_OK, text("null"));
        host->done(to, id, PROTECTOR_UNSUPPORTED, text(""));
    } else if (is(me->mode, "null body")) {
        protector_slice slice = {NULL, 5};
        host->done(to, id, PROTECTOR_OK, slice);
    } else if (is(me->mode, "strange call")) {
        host->done(to, id + 1000, PROTECTOR_OK, text("null"));
        host->done(to, 0, PROTECTOR_OK, text("null"));
        host->done(to, id, PROTECTOR_UNSUPPORTED, text(""));
    } else if (is(me->mode, "late")) {
        me->late = id;
    } else if (is(me->mode, "logs odd")) {
        host->log(to, 77, text("\xff"), text("a\nb"), text("not json"));
        protector_slice none = {NULL, 9};
        host->log(to, 0, none, none, none);
        host->done(to, id, PROTECTOR_UNSUPPORTED, text(""));
    } else {
        host->done(to, id, PROTECTOR_UNSUPPORTED, text(""));
    }
}
static void cancel(void *at, uint64_t id) {
    struct instance *me = at;
    if (is(me->mode, "cancel blocks")) for (;;) pause();
    if (is(me->mode, "says so"))
        me->host->log(me->host->context, PROTECTOR_INFO, text("lawless"), text("cancel was heard"), text(""));
    me->host->done(me->host->context, id, PROTECTOR_OK, text("null"));
}
static void destroy(void *at) {
    struct instance *me = at;
    if (is(me->mode, "destroy blocks")) for (;;) pause();
    free(me->mode);
    memset(me, 0xAA, sizeof *me);
    free(me);
}
static const char manifest[] = "{\"kind\":\"storage\",\"name\":\"lawless\",\"version\":\"1\"}";
static protector_driver driver;
const protector_driver *protector_driver_v1(void) {
    protector_driver made = {1, 0, sizeof made,
        {(const uint8_t *)manifest, sizeof manifest - 1}, create, call, cancel, destroy};
    driver = made;
    return &driver;
}
"#;

struct Lawless {
    registry: Registry,
    _directory: TempDir,
}

impl Lawless {
    fn new() -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let file = c_library(directory.path(), "lawless", SOURCE)?;
        Some(Self {
            registry: with_file(&file),
            _directory: directory,
        })
    }

    fn driver(&self, mode: &str) -> Arc<dyn StorageDriver> {
        let config = DriverConfig::new(json!({ "mode": mode }));
        self.registry.storage("lawless", config).unwrap()
    }

    async fn describe(&self, mode: &str, deadline: Duration) -> DriverError {
        let driver = self.driver(mode);
        driver.describe(&ctx(deadline)).await.unwrap_err()
    }
}

#[tokio::test]
async fn what_is_not_an_answer_fails_its_call_and_says_why() {
    let lines = lines();
    let Some(lawless) = Lawless::new() else {
        return;
    };
    for (mode, why) in [
        ("garbage", "its reply cannot be read"),
        ("another reply", "its reply cannot be read"),
        ("not text", "its reply cannot be read"),
        ("null body", "its reply cannot be read"),
        ("odd status", "status 99"),
        ("odd error", "its error cannot be read"),
        ("too long", "17825792 bytes"),
        ("endless", "18446744073709551615 bytes"),
        ("no reason", "did not say why"),
        ("says ok", "did not say why"),
    ] {
        let error = lawless.describe(mode, LONG).await;
        assert_eq!(error.kind, ErrorKind::Unexpected, "{mode}: {error}");
        assert!(error.message.contains("lawless"), "{mode}: {error}");
        assert!(error.message.contains(why), "{mode}: {error}");
    }
    let line = lines.wait_for("after an endless one").await;
    assert!(line.contains("18446744073709551615 bytes"), "{line}");
    let error = lawless.describe("new error", LONG).await;
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Unexpected, "m")
    );
}

#[tokio::test]
async fn a_completion_that_is_second_or_of_no_call_changes_nothing() {
    let Some(lawless) = Lawless::new() else {
        return;
    };
    for mode in ["twice", "strange call", "logs odd", "good"] {
        for _ in 0..20 {
            let error = lawless.describe(mode, LONG).await;
            assert_eq!(error.kind, ErrorKind::Unsupported, "{mode}: {error}");
        }
    }
}

#[tokio::test]
async fn a_completion_that_is_late_or_never_comes_changes_nothing() {
    let Some(lawless) = Lawless::new() else {
        return;
    };
    for mode in ["never", "late", "never, and cancel blocks"] {
        let driver = lawless.driver(mode);
        for _ in 0..3 {
            let error = driver.describe(&ctx(SHORT)).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Timeout, "{mode}: {error}");
        }
        // Let go while its calls are open: the library may still use the instance.
        drop(driver);
        let error = lawless.describe("good", LONG).await;
        assert_eq!(error.kind, ErrorKind::Unsupported, "{mode}: {error}");
    }
}

#[tokio::test]
async fn cancels_and_destroys_that_never_come_back_hold_up_nothing_else() {
    let Some(lawless) = Lawless::new() else {
        return;
    };
    let cancelled = lawless.driver("never, and cancel blocks");
    let calls = (0..HUNDREDS).map(|_| async {
        let error = cancelled.describe(&ctx(SHORT)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
    });
    futures::future::join_all(calls).await;
    for _ in 0..HUNDREDS {
        let error = lawless.describe("destroy blocks", LONG).await;
        assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
    }
    // Neither this library nor another one misses a thread.
    for lawless in [&lawless, &Lawless::new().unwrap()] {
        let driver = lawless.driver("good");
        let ctx = ctx(LONG);
        let calls = (0..50).map(|_| driver.describe(&ctx));
        for told in futures::future::join_all(calls).await {
            assert_eq!(told.unwrap_err().kind, ErrorKind::Unsupported);
        }
    }
    // Nor does another instance miss its cancels.
    let lines = lines();
    let heard = lawless.driver("never, and says so");
    heard.describe(&ctx(SHORT)).await.unwrap_err();
    lines.wait_for("cancel was heard").await;
}

#[tokio::test]
async fn a_flood_of_lines_and_completions_is_counted_and_not_written() {
    let lines = lines();
    let Some(lawless) = Lawless::new() else {
        return;
    };
    let error = lawless.describe("floods", LONG).await;
    assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
    let written = lines.count("a flood");
    assert!((1..20_000).contains(&written), "{written}");
    let flooded = |state: &LibraryState| {
        let left_out = usize::try_from(state.lines_left_out).unwrap();
        state.stray_completions == 20_000 && (20_000 - written..40_000).contains(&left_out)
    };
    let states = library_states();
    assert!(states.iter().any(flooded), "{written}: {states:?}");
}
