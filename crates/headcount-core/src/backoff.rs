//! How long to wait before another attempt, so that many clients that failed together do not return together.
//!
//! Full jitter over a capped exponential: attempt *k* waits a uniformly random time in `[0, W]`, `W = min(cap, base · 2^k)`.
//! Derivation. *N* clients that lose a server at the same moment return at a rate of *N / W*, flat over the window, which is
//! the lowest peak any choice within that window can have. With `base` = 1 s and 10,000 tabs that is 10,000/s for the first
//! attempt, and each failure halves it, down to *N / cap*: 333/s for `cap` = 30 s. The mean wait is *W / 2*, so at the cap
//! they try *2N / cap* times a second (667/s) however long the outage lasts. A wait with a fixed part, such as `W/2 +
//! random(W/2)`, squeezes the same clients into half the window: twice the peak. See Brooker, "Exponential Backoff And
//! Jitter" (AWS Architecture Blog, 2015), whose simulations end at the same choice.
//!
//! Chance is an argument; nothing here waits. There is no last attempt: a tab that gives up is missing from the counts.

/// The wait before attempt `attempt` (the first is 0), milliseconds, between 0 and `min(cap_ms, base_ms · 2^attempt)`.
///
/// `random_unit` is uniform in `[0, 1)`; what lies outside is taken as the nearer end.
pub fn delay_ms(attempt: u32, base_ms: u32, cap_ms: u32, random_unit: f64) -> u32 {
    // At 32 doublings any base but zero is past any cap, and the shifted value still fits 64 bits.
    let doubled = u64::from(base_ms) << attempt.min(32);
    let window = u32::try_from(doubled).unwrap_or(u32::MAX).min(cap_ms);
    spread_ms(window, random_unit)
}

/// A moment within a window, milliseconds, between 0 and `window_ms`: where one of many should act when all are told at
/// once. Peak rate: *N / window*.
///
/// `random_unit` is uniform in `[0, 1)`; what lies outside is taken as the nearer end.
pub fn spread_ms(window_ms: u32, random_unit: f64) -> u32 {
    // One more than the window, so that its last millisecond is as likely as every other.
    let moment = random_unit.clamp(0.0, 1.0) * (f64::from(window_ms) + 1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative by the clamp, rounds down on purpose, saturates at the top, and NaN becomes 0"
    )]
    let moment = moment as u32;
    moment.min(window_ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALMOST_ONE: f64 = 1.0 - f64::EPSILON;

    #[test]
    fn the_window_doubles_up_to_the_cap() {
        let windows: Vec<u32> = (0..8)
            .map(|attempt| delay_ms(attempt, 1_000, 30_000, ALMOST_ONE))
            .collect();
        assert_eq!(
            windows,
            [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]
        );
    }

    #[test]
    fn extremes_neither_overflow_nor_leave_the_window() {
        assert_eq!(delay_ms(u32::MAX, u32::MAX, u32::MAX, ALMOST_ONE), u32::MAX);
        assert_eq!(delay_ms(u32::MAX, 0, 30_000, ALMOST_ONE), 0);
        assert_eq!(delay_ms(3, 1_000, 30_000, 0.0), 0);
        assert_eq!(spread_ms(10, f64::NAN), 0);
        assert_eq!(spread_ms(10, -3.0), 0);
        assert_eq!(spread_ms(10, 7.0), 10);
    }

    #[test]
    fn every_millisecond_of_a_window_is_equally_likely() {
        let mut hits = [0; 5];
        for step in 0..1_000 {
            hits[spread_ms(4, f64::from(step) / 1_000.0) as usize] += 1;
        }
        assert_eq!(hits, [200; 5]);
    }

    proptest! {
        #[test]
        fn a_wait_stays_within_its_window_and_grows_with_chance(
            attempt: u32, base: u32, cap: u32, low in 0.0..1.0_f64, high in 0.0..1.0_f64,
        ) {
            let (low, high) = (low.min(high), low.max(high));
            let (early, late) = (delay_ms(attempt, base, cap, low), delay_ms(attempt, base, cap, high));
            prop_assert!(early <= late && late <= cap);
            prop_assert!(u128::from(late) <= u128::from(base) << attempt.min(64));
        }
    }
}
