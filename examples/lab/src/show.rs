//! What the lab says: headings, lines with their seconds, and a part that is redrawn in place where
//! a person looks on.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use protector_framework::{Clock, SystemClock};
use protector_tests::clouds::failure::{Failure, Outcome};

use crate::view::View;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// The only way to standard output.
#[derive(Debug)]
pub(crate) struct Show {
    clock: SystemClock,
    live: bool,
    names: BTreeMap<String, String>,
    chapters: u32,
    began: Duration,
    /// How many lines at the bottom are drawn again.
    drawn: usize,
}

impl Show {
    pub(crate) fn new() -> Self {
        Self {
            clock: SystemClock::new(),
            live: io::stdout().is_terminal(),
            names: BTreeMap::new(),
            chapters: 0,
            began: Duration::ZERO,
            drawn: 0,
        }
    }

    /// The time since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    pub(crate) const fn clock(&self) -> &SystemClock {
        &self.clock
    }

    /// Whether a terminal is looked at.
    pub(crate) const fn is_live(&self) -> bool {
        self.live
    }

    /// The sites' names by their ids.
    pub(crate) fn names(&mut self, names: impl IntoIterator<Item = (String, String)>) {
        self.names.extend(names);
    }

    /// The name of a site.
    pub(crate) fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }

    /// Ends the chapter before and begins one.
    pub(crate) fn chapter(&mut self, title: &str) -> Outcome {
        self.close()?;
        self.began = self.now();
        self.chapters += 1;
        let heading = format!("{}. {title}", self.chapters);
        self.say(&self.paint(BOLD, &heading))
    }

    /// Ends the last chapter and says how long all of them took.
    pub(crate) fn end(&mut self) -> Outcome {
        self.close()?;
        let all = format!("The whole story: {:.1} s", self.now().as_secs_f64());
        self.say(&self.paint(BOLD, &all))
    }

    fn close(&mut self) -> Outcome {
        if self.chapters == 0 {
            return Ok(());
        }
        let took = self.now() - self.began;
        let line = format!("  chapter {}: {:.1} s", self.chapters, took.as_secs_f64());
        self.say(&self.paint(DIM, &line))?;
        self.say("")
    }

    /// Something that was done since `began`.
    pub(crate) fn done(&mut self, began: Duration, what: &str) -> Outcome {
        let took = (self.now() - began).as_secs_f64();
        self.say(&format!("{took:9.2} s  {what}"))
    }

    /// Something to know.
    pub(crate) fn note(&mut self, what: &str) -> Outcome {
        self.say(&format!("             {what}"))
    }

    /// What a chapter was told for.
    pub(crate) fn result(&mut self, what: &str) -> Outcome {
        let what = self.paint(GREEN, what);
        self.say(&format!("             {what}"))
    }

    /// A line.
    pub(crate) fn say(&mut self, line: &str) -> Outcome {
        self.frame(&[line.to_owned()], &[])
    }

    /// The one line that says what is not as it should be.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        let line = failure.to_string().replace('\n', " ");
        let line = self.paint(RED, &format!("FAILED: {line}"));
        // Where nobody reads, the exit code is left.
        drop(self.frame(&[], &[]));
        drop(writeln!(io::stderr(), "{line}"));
    }

    /// An operation begins to be shown.
    pub(crate) fn operation(&mut self) -> View<'_> {
        View::new(self)
    }

    /// Lines to stay, and below them lines that the next frame draws again; the latter only where
    /// somebody looks on.
    pub(crate) fn frame(&mut self, stay: &[String], go: &[String]) -> Outcome {
        let mut text = String::new();
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A\r\x1b[J", self.drawn));
        }
        for line in stay {
            text.push_str(line);
            text.push('\n');
        }
        self.drawn = 0;
        if self.live && !go.is_empty() {
            // A line that is too long must not become two, else the way up is not known.
            text.push_str("\x1b[?7l");
            for line in go {
                text.push_str(&self.paint(DIM, line));
                text.push('\n');
            }
            text.push_str("\x1b[?7h");
            self.drawn = go.len();
        }
        if text.is_empty() {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(())
    }

    fn paint(&self, how: &str, text: &str) -> String {
        if self.live {
            format!("{how}{text}{PLAIN}")
        } else {
            text.to_owned()
        }
    }
}
