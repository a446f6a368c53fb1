//! A rule in waves, in bodies of the admin API: how it is to open, and how far it is.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::invalidation::waves::Share;

/// A share of the tabs as a percentage from 0 to 100, with at most two decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub Share);

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = self.0.parts();
        if parts.is_multiple_of(100) {
            serializer.serialize_u16(parts / 100)
        } else {
            serializer.serialize_f64(f64::from(parts) / 100.0)
        }
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let percent = f64::deserialize(deserializer)?;
        Self::new(percent).ok_or_else(|| serde::de::Error::custom(Self::EXPECTED))
    }
}

impl Percent {
    const EXPECTED: &str = "write a percentage from 0 to 100 with at most two decimals";

    /// `None` for what is no percentage from 0 to 100, or has more than two decimals.
    ///
    /// ```
    /// use headcount_core::protocol::admin::Percent;
    ///
    /// assert_eq!(Percent::new(12.5).unwrap().0.parts(), 1_250);
    /// assert!([-1.0, 100.01, 0.001, f64::NAN].into_iter().all(|percent| Percent::new(percent).is_none()));
    /// ```
    pub fn new(percent: f64) -> Option<Self> {
        let parts = (percent * 100.0).round();
        let is_near = (percent * 100.0 - parts).abs() < 1e-6;
        if !is_near || !(0.0..=f64::from(Share::ALL.parts())).contains(&parts) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number from 0 to 10,000"
        )]
        let parts = parts as u16;
        Share::new(parts).map(Self)
    }
}

/// How a rule is to open: evenly over a time (`overMs`), at a rate (`perSecond`), or in waves (`waves` with `everyMs`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpreadRequest {
    /// Over how long the rule opens evenly, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_ms: Option<u32>,
    /// About how many tabs are told in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
    /// How far each wave opens the rule, in percent of the tabs. They ascend, and the last one is 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<f64>>))]
    pub waves: Option<Vec<Percent>>,
    /// The time between two waves, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u32>,
    /// When the rule stops by itself. `"never"` or null: never. Default: beyond 1 % stuck, 20 % held or 5 % gone, of at least 20 that were told.
    #[serde(default, skip_serializing_if = "StopIfRequest::is_default")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<StopIfForm>))]
    pub stop_if: StopIfRequest,
}

/// When a rule is to stop by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StopIfRequest {
    /// By the limits that the server has.
    #[default]
    Default,
    /// Never.
    Never,
    /// By these.
    Limits(StopIfBody),
}

impl StopIfRequest {
    fn is_default(&self) -> bool {
        *self == Self::Default
    }
}

/// Limits in percent of the page loads that were told. Those that are absent are not measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StopIfBody {
    /// Tabs that refreshed and got the same build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    pub stuck: Option<Percent>,
    /// Tabs that hold the refresh back because their user has unsaved work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    pub held: Option<Percent>,
    /// Page loads that left and did not come back within 15 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    pub gone: Option<Percent>,
    /// How many page loads must have been told before the rule stops. Default 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
}

/// When a rule is to stop by itself: `never`, or by these limits.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(
    untagged,
    expecting = "`stopIf` is `\"never\"`, or an object with `stuck`, `held`, `gone` and `after`"
)]
enum StopIfForm {
    /// A word.
    Word(StopIfWord),
    /// Limits.
    Limits(StopIfBody),
}

/// A word in place of limits.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
enum StopIfWord {
    /// The rule does not stop by itself.
    Never,
}

impl Serialize for StopIfRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Default => StopIfBody::default().serialize(serializer),
            Self::Never => serializer.serialize_str("never"),
            Self::Limits(limits) => limits.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for StopIfRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Option::<StopIfForm>::deserialize(deserializer)? {
            None | Some(StopIfForm::Word(StopIfWord::Never)) => Ok(Self::Never),
            Some(StopIfForm::Limits(limits)) => Ok(Self::Limits(limits)),
        }
    }
}

/// How a rule in waves opens, and how far it is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SpreadEntry {
    /// Over how long it opens evenly, in milliseconds. Absent if it has named waves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_ms: Option<u32>,
    /// In how many steps it opens evenly. Absent if it has named waves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u16>,
    /// The rate that was asked for, from which `overMs` comes. Absent if none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
    /// How far each wave opens it, in percent. Absent if it opens evenly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<f64>>))]
    pub waves: Option<Vec<Percent>>,
    /// The time between two waves, in milliseconds. Absent if it opens evenly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u32>,
    /// When it stops by itself. Absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_if: Option<StopIfBody>,
    /// How far it is open, in percent of the tabs.
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub open: Percent,
    /// Since when it goes on from there.
    pub since: u64,
    /// Whether it opens further.
    pub state: SpreadState,
    /// When it opens further. Absent if it does not do so by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<u64>,
    /// Why it stopped by itself. Absent if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<FindingEntry>,
    /// What was seen when it was told to go on after it had stopped. It is measured from there on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<SeenEntry>,
    /// How often it was opened, halted or told to go on.
    #[serde(default)]
    pub turns: u32,
}

/// Whether a rule in waves opens further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SpreadState {
    /// It does.
    Running,
    /// It was paused by hand.
    Paused,
    /// It stopped by itself.
    Stopped,
    /// It is open to all tabs.
    Complete,
    /// The rule was ended by hand. Only the answer to that says so.
    Aborted,
}

/// Why a rule in waves stopped by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FindingEntry {
    /// What there was too much of.
    pub measure: MeasureBody,
    /// So many page loads.
    pub tabs: u64,
    /// Of so many that were told.
    pub told: u64,
    /// The share that was allowed, in percent.
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub most: Percent,
    /// The same for people. Absent where it is stored.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub text: String,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum MeasureBody {
    /// Tabs that refreshed and got the same build.
    Stuck,
    /// Tabs that hold the refresh back.
    Held,
    /// Page loads that left and did not come back.
    Gone,
}

/// What page loads that were told did about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SeenEntry {
    /// Page loads that were told.
    pub told: u64,
    /// Those that refreshed and got the same build.
    pub stuck: u64,
    /// Those that held the refresh.
    pub held: u64,
    /// Those that left and did not come back.
    pub gone: u64,
}

/// An earlier rule that another one goes on from, because it was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContinuesEntry {
    /// The number of the rule before.
    pub id: u32,
    /// The number of the first one.
    pub first: u32,
    /// Those before that asked the same of a tab: page loads that were told one of these are not told again. Absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<u32>,
}
