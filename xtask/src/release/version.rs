//! Versions that are released: three numbers, the larger the newer.

use std::fmt::{Display, Formatter};

/// `major.minor.patch`, ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u32; 3]);

impl Version {
    /// Nothing before or behind the numbers, and no zero before a digit.
    pub(super) fn read(text: &str) -> Option<Self> {
        let parts: Vec<u32> = text
            .split('.')
            .map(|part| part.parse().ok())
            .collect::<Option<_>>()?;
        let version = Self(parts.try_into().ok()?);
        (version.to_string() == text).then_some(version)
    }

    /// What git calls it.
    pub(super) fn tag(&self) -> String {
        format!("v{self}")
    }
}

impl Display for Version {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        let Self([major, minor, patch]) = self;
        write!(to, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number() {
        let read = |text| Version::read(text).unwrap();
        assert!(read("0.10.0") > read("0.9.9"));
        assert_eq!(read("1.2.3").tag(), "v1.2.3");
    }

    #[test]
    fn anything_else_is_no_version() {
        for bad in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "v1.2.3",
            "1.2.3-beta",
            "1.02.3",
            "+1.2.3",
            "1.2.x",
        ] {
            assert_eq!(Version::read(bad), None, "{bad}");
        }
    }
}
