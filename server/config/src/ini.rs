//! The grammar of oslo.config's files. It is not that of other INI readers: there are no comments
//! behind a value, `%` means nothing, and a line that begins with a blank continues the value
//! before it.

use std::path::Path;

use protector_framework::SecretString;

use crate::error::{Place, Problem};

/// One `name = value`. Any value may be a password, so all are kept as secrets.
#[derive(Debug, Clone)]
pub(crate) struct Assignment {
    /// `DEFAULT`, or the section's name in lower case.
    pub(crate) group: String,
    /// As written.
    pub(crate) name: String,
    /// Without outer quotes; the lines of a continued value are joined by `\n`.
    pub(crate) value: SecretString,
    /// Where it begins.
    pub(crate) place: Place,
}

/// Reads a whole file.
///
/// # Errors
/// All the lines that do not fit the grammar.
pub(crate) fn parse(file: &Path, text: &str) -> Result<Vec<Assignment>, Vec<Problem>> {
    let mut reader = Reader {
        file,
        section: None,
        running: None,
        in_error: false,
        done: Vec::new(),
        problems: Vec::new(),
    };
    // All three ends of a line, as Python reads text.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for (index, line) in text.split('\n').enumerate() {
        reader.line(index + 1, line.trim_end());
    }
    reader.end_value();
    if reader.problems.is_empty() {
        Ok(reader.done)
    } else {
        Err(reader.problems)
    }
}

struct Reader<'a> {
    file: &'a Path,
    section: Option<String>,
    running: Option<Running>,
    /// The lines that continue a wrong line are not reported again.
    in_error: bool,
    done: Vec<Assignment>,
    problems: Vec<Problem>,
}

struct Running {
    group: String,
    name: String,
    line: usize,
    lines: Vec<String>,
}

impl Reader<'_> {
    fn line(&mut self, number: usize, line: &str) {
        if line.is_empty() {
            self.end_value();
            return;
        }
        if line.starts_with([' ', '\t']) {
            self.continuation(number, line.trim_start());
            return;
        }
        self.end_value();
        self.in_error = false;
        if line.starts_with(['#', ';']) {
            return;
        }
        if let Some(rest) = line.strip_prefix('[') {
            self.section(number, rest);
        } else {
            self.assignment(number, line);
        }
    }

    fn continuation(&mut self, number: usize, rest: &str) {
        match &mut self.running {
            Some(running) => running.lines.push(rest.to_owned()),
            None if self.in_error => {}
            None => self.refuse(
                number,
                "this line begins with a blank, so it continues a value, but there is none before \
                 it; remove the blank",
            ),
        }
    }

    fn section(&mut self, number: usize, rest: &str) {
        match rest.strip_suffix(']') {
            Some("") => self.refuse(number, "the section has no name"),
            Some(name) => {
                self.section = Some(group_of(name));
                return;
            }
            None => self.refuse(
                number,
                "a section must end with `]`, and nothing may follow",
            ),
        }
        // What follows belongs to no known section, which need not be said line by line.
        self.section = Some(String::new());
    }

    fn assignment(&mut self, number: usize, line: &str) {
        let Some((name, value)) = line.split_once(['=', ':']) else {
            self.refuse(number, "there is neither `=` nor `:` in this line");
            return;
        };
        let name = name.trim();
        if name.is_empty() {
            self.refuse(number, "the option has no name");
            return;
        }
        let Some(group) = self.section.clone() else {
            self.refuse(number, "an option must follow a section such as [DEFAULT]");
            return;
        };
        self.running = Some(Running {
            group,
            name: name.to_owned(),
            line: number,
            lines: vec![unquoted(value.trim()).to_owned()],
        });
    }

    fn refuse(&mut self, number: usize, reason: &str) {
        self.in_error = true;
        let place = Place::Line(self.file.to_owned(), number);
        self.problems.push(Problem::at(place, reason));
    }

    fn end_value(&mut self) {
        if let Some(running) = self.running.take() {
            self.done.push(Assignment {
                group: running.group,
                name: running.name,
                value: SecretString::from(running.lines.join("\n")),
                place: Place::Line(self.file.to_owned(), running.line),
            });
        }
    }
}

/// Section names are the same in any case, but `DEFAULT` is only `DEFAULT`.
fn group_of(section: &str) -> String {
    if section == "DEFAULT" {
        section.to_owned()
    } else {
        section.to_lowercase()
    }
}

/// The same quote at both ends is removed; a single one alone is an empty value.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote)
            && value.ends_with(quote)
        {
            return rest.strip_suffix(quote).unwrap_or(rest);
        }
    }
    value
}
