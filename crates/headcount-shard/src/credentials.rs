//! What a browser shows of itself when it connects or asks for stats.

/// What a browser showed of itself, cut down to what the authorizers read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// Header names in lower case, with their values. Each cookie is a separate `cookie` header.
    headers: Box<[(Box<str>, Box<str>)]>,
}

impl Credentials {
    /// Credentials with these headers, their names in lower case.
    ///
    /// ```
    /// # use headcount_shard::Credentials;
    /// let shown = Credentials::of(&[("cookie", "sid=s3ss10n"), ("user-agent", "Firefox")]);
    /// assert_eq!(shown.headers().count(), 2);
    /// ```
    pub fn of(headers: &[(&str, &str)]) -> Self {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        Self {
            headers: headers.collect(),
        }
    }

    /// These headers, their names in lower case. Each cookie is a separate `cookie` header.
    pub fn from_headers(headers: Box<[(Box<str>, Box<str>)]>) -> Self {
        Self { headers }
    }

    /// What they take in memory, bytes.
    pub fn bytes(&self) -> usize {
        let bytes =
            |(name, value): &(Box<str>, Box<str>)| 2 * size_of::<Box<str>>() + name.len() + value.len();
        self.headers.iter().map(bytes).sum()
    }

    /// Whether nothing was shown.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// Every header kept, in lower case, with its value.
    ///
    /// ```
    /// # use headcount_shard::Credentials;
    /// let shown = Credentials::of(&[("cookie", "sid=s3ss10n")]);
    /// assert_eq!(shown.headers().next(), Some(("cookie", "sid=s3ss10n")));
    /// ```
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }
}
