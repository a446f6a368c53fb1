//! The `date` header of HTTP answers.

use std::time::{Duration, UNIX_EPOCH};

/// The `date` header of HTTP answers, written once a second.
#[derive(Debug, Default)]
pub(super) struct HttpDate {
    second: u64,
    text: String,
}

impl HttpDate {
    /// The date at this time (RFC 9110, section 6.6.1).
    pub(super) fn at(&mut self, unix_ms: u64) -> &str {
        let second = unix_ms / 1_000;
        if second != self.second {
            self.second = second;
            self.text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_second() {
        let mut date = HttpDate::default();
        assert_eq!(date.at(784_111_777_123), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date.at(784_111_778_000), "Sun, 06 Nov 1994 08:49:38 GMT");
    }
}
