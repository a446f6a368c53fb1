//! Which time to believe, where the wall clock may be wrong for a while.
//!
//! Wall clocks are set: by hand, by a time server after a start without a battery, by a mistake that is mended a moment later. So
//! time goes on from what was believed by a clock that is never set, and the wall clock is followed at once only in small steps.
//! A jump is believed when it has lasted for ten minutes; until then nothing is settled, and nothing that depends on the time of
//! day may be forgotten permanently.
//!
//! Deliberately absent: both clocks. Their times are arguments, milliseconds each.

/// How long a jump must last until it is believed.
pub const DISBELIEF_MS: u64 = 600_000;

/// The wall clock is followed at once in steps of this size: time servers make small ones all the time.
const STEP_MS: u64 = 1_000;

/// What is believed about the time of day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Belief {
    /// What is believed to lie between the two clocks.
    offset_ms: i64,
    /// Since when, by the clock that is never set.
    since_ms: u64,
    /// What the wall clock says instead, and since when.
    jump: Option<(i64, u64)>,
}

impl Belief {
    /// Believes the wall clock, for want of anything else.
    pub fn new(steady_ms: u64, wall_ms: u64) -> Self {
        Self {
            offset_ms: offset(steady_ms, wall_ms),
            since_ms: steady_ms,
            jump: None,
        }
    }

    /// What to add to the clock that is never set, to have the time of day.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms
    }

    /// Looks at both clocks. To be called every few seconds.
    pub fn look(&mut self, steady_ms: u64, wall_ms: u64) {
        let offset_ms = offset(steady_ms, wall_ms);
        if offset_ms.abs_diff(self.offset_ms) <= STEP_MS {
            self.offset_ms = offset_ms;
            self.jump = None;
            return;
        }
        match self.jump {
            Some((jump_ms, since_ms)) if offset_ms.abs_diff(jump_ms) <= STEP_MS => {
                if steady_ms.saturating_sub(since_ms) >= DISBELIEF_MS {
                    *self = Self {
                        offset_ms,
                        since_ms: steady_ms,
                        jump: None,
                    };
                }
            }
            _ => self.jump = Some((offset_ms, steady_ms)),
        }
    }

    /// Whether the wall clock has said the same for long enough to forget something permanently by it.
    pub fn is_settled(&self, steady_ms: u64) -> bool {
        self.jump.is_none() && steady_ms.saturating_sub(self.since_ms) >= DISBELIEF_MS
    }
}

fn offset(steady_ms: u64, wall_ms: u64) -> i64 {
    let difference = i128::from(wall_ms) - i128::from(steady_ms);
    i64::try_from(difference).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_795_318_440_000;
    const DAY: u64 = 86_400_000;

    /// Looks every second for so long, at a wall clock that is `shift_ms` from where it should be.
    fn pass(belief: &mut Belief, steady_ms: &mut u64, seconds: u64, shift_ms: i64) {
        for _ in 0..seconds {
            *steady_ms += 1_000;
            belief.look(*steady_ms, (NOON + *steady_ms).saturating_add_signed(shift_ms));
        }
    }

    fn believed(belief: &Belief) -> i64 {
        belief.offset_ms() - i64::try_from(NOON).unwrap()
    }

    #[test]
    fn a_jump_for_a_moment_is_not_believed_in_either_direction() {
        let (mut belief, mut now) = (Belief::new(0, NOON), 0);
        for days in [2_i64, -1] {
            pass(&mut belief, &mut now, 599, days * 86_400_000);
            assert_eq!(believed(&belief), 0, "{days}");
            assert!(!belief.is_settled(now));
            pass(&mut belief, &mut now, 1, 0);
            assert!(belief.is_settled(now));
        }
    }

    #[test]
    fn a_jump_that_lasts_is_believed() {
        for shift in [2, -1].map(|days| days * i64::try_from(DAY).unwrap()) {
            let (mut belief, mut now) = (Belief::new(0, NOON), 0);
            pass(&mut belief, &mut now, 600, shift);
            assert_eq!(believed(&belief), 0);
            pass(&mut belief, &mut now, 1, shift);
            assert_eq!(believed(&belief), shift);
            assert!(!belief.is_settled(now), "not at once");
            pass(&mut belief, &mut now, 600, shift);
            assert!(belief.is_settled(now));
        }
    }

    #[test]
    fn small_steps_are_followed_and_a_clock_that_runs_wild_is_not() {
        let (mut belief, mut now) = (Belief::new(0, NOON), 0);
        for shift in [300, -200, 700, 0] {
            pass(&mut belief, &mut now, 1, shift);
            assert_eq!(believed(&belief), shift);
        }
        for second in 1..2_000 {
            pass(&mut belief, &mut now, 1, second * 10_000);
        }
        assert_eq!(believed(&belief), 0);
    }

    #[test]
    fn nothing_is_settled_right_after_the_start() {
        let (mut belief, mut now) = (Belief::new(0, NOON), 0);
        pass(&mut belief, &mut now, 599, 0);
        assert!(!belief.is_settled(now));
        pass(&mut belief, &mut now, 1, 0);
        assert!(belief.is_settled(now));
    }

    #[test]
    fn clocks_at_their_ends_do_no_harm() {
        let mut belief = Belief::new(u64::MAX, 0);
        belief.look(u64::MAX, u64::MAX);
        belief.look(0, u64::MAX);
    }
}
