//! Shares of the tabs.

use std::fmt;

/// Places of tabs in a rule.
pub const PLACES: u16 = 10_000;

/// A share of the tabs, in parts of [`PLACES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u16);

impl Share {
    /// No tab.
    pub const NONE: Self = Self(0);
    /// Every tab.
    pub const ALL: Self = Self(PLACES);

    /// So many parts of [`PLACES`]; `None` beyond all of them.
    pub fn new(parts: u16) -> Option<Self> {
        (parts <= PLACES).then_some(Self(parts))
    }

    /// As [`Share::new`]; every tab where that is too much.
    pub(super) const fn capped(parts: u16) -> Self {
        Self(if parts < PLACES { parts } else { PLACES })
    }

    /// In parts of [`PLACES`].
    pub fn parts(self) -> u16 {
        self.0
    }

    /// Whether `some` of `all` are more than this share.
    pub fn is_exceeded(self, some: u64, all: u64) -> bool {
        u128::from(some) * u128::from(PLACES) > u128::from(all) * u128::from(self.0)
    }

    /// This share of so many, rounded up.
    pub fn of(self, all: u64) -> u64 {
        let parts = u128::from(all) * u128::from(self.0);
        u64::try_from(parts.div_ceil(u128::from(PLACES))).unwrap_or(u64::MAX)
    }
}

/// As a percentage: `12.5 %`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match rest {
            0 => write!(f, "{whole} %"),
            tens if tens % 10 == 0 => write!(f, "{whole}.{} %", tens / 10),
            rest => write!(f, "{whole}.{rest:02} %"),
        }
    }
}
