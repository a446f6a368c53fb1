//! Chance for the simulated visitors: quick and even, and no good for secrets.

use std::time::Duration;

/// `SplitMix64` (<https://prng.di.unimi.it/splitmix64.c>): one visitor's own stream of chance.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// The stream of this seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`, which is not 0. Its bias is below `bound` in 2⁶⁴.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        let number = self.next() % u64::from(bound.max(1));
        u32::try_from(number).unwrap_or_default()
    }

    /// True in `percent` cases of a hundred.
    pub(super) fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// A time between the two, milliseconds.
    pub(super) fn between(&mut self, least_ms: u32, most_ms: u32) -> Duration {
        Duration::from_millis(u64::from(
            least_ms + self.below(most_ms.saturating_sub(least_ms) + 1),
        ))
    }

    /// One of `choices`, by their weights. `None` where no weight is above 0.
    pub(super) fn weighted<'choice, Choice>(
        &mut self,
        choices: &'choice [(u32, Choice)],
    ) -> Option<&'choice Choice> {
        let total = choices.iter().map(|(weight, _)| weight).sum();
        let mut left = self.below(total);
        choices.iter().find_map(|(weight, choice)| {
            let hit = left < *weight;
            left = left.saturating_sub(*weight);
            hit.then_some(choice)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix() {
        // First outputs for seed 1234567, as other implementations publish them.
        let mut chance = Chance::new(1_234_567);
        assert_eq!(
            [chance.next(), chance.next()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
        );
    }

    #[test]
    fn weights_are_kept() {
        let mut chance = Chance::new(7);
        let choices = [(3, "often"), (0, "never"), (1, "seldom")];
        let mut often = 0;
        for _ in 0..10_000 {
            match chance.weighted(&choices) {
                Some(&"often") => often += 1,
                Some(&"seldom") => {}
                other => panic!("{other:?}"),
            }
        }
        // 7,500 expected with a standard deviation of 43: eight of those to either side.
        assert!((7_150..=7_850).contains(&often), "{often}");
        assert_eq!(chance.weighted::<&str>(&[]), None);
    }
}
