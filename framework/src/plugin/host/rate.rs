//! How many lines a library may write into the log.

use std::time::Duration;

/// In one second.
const LINES: u32 = 200;

/// Counts the lines of the present second.
#[derive(Debug, Default)]
pub(super) struct Rate {
    second: u64,
    written: u32,
    left_out: u64,
}

impl Rate {
    /// Whether a line may be written now, and how many were left out since the last one that was.
    pub(super) fn admit(&mut self, now: Duration) -> Option<u64> {
        if now.as_secs() != self.second {
            self.second = now.as_secs();
            self.written = 0;
        }
        if self.written == LINES {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_for_a_second_is_counted_until_the_next() {
        let mut rate = Rate::default();
        let at = Duration::from_millis;
        for n in 0..1000 {
            let admitted = rate.admit(at(1000 + n));
            assert_eq!(admitted, (n < 200).then_some(0));
        }
        assert_eq!(rate.admit(at(2000)), Some(800));
        assert_eq!(rate.admit(at(2001)), Some(0));
    }
}
