//! What several sources answered, and which of them did not.

/// Why a source did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It has ended, and holds no connections any more.
    Ended,
    /// It did not answer this question in time.
    Late,
}

/// What several sources answered to one question, each by its number.
///
/// What a missing answer means is up to the asker: [`Answers::whole`] needs all of them, [`Answers::of_running`] those of sources
/// that still run.
///
/// ```
/// use headcount_core::questions::{Answers, Missing};
///
/// let answers = Answers::from_iter([(0, Ok(5)), (1, Err(Missing::Ended))]);
/// assert_eq!(answers.clone().whole().err(), Some(Missing::Ended));
/// let running = answers.of_running().unwrap();
/// assert_eq!(running.values().sum::<u32>(), 5);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers<A> {
    /// What was answered, with its source, in the order in which they were asked.
    pub answered: Vec<(usize, A)>,
    /// The sources that did not answer, in that order, and why.
    pub missing: Vec<(usize, Missing)>,
}

impl<A> Answers<A> {
    /// All answers. Where one is missing, why the first of them is.
    pub fn whole(self) -> Result<Self, Missing> {
        match self.missing.first() {
            Some((_, why)) => Err(*why),
            None => Ok(self),
        }
    }

    /// The answers of those that run: a source that has ended counts as one without connections. [`Missing::Late`] where one may
    /// run and did not answer.
    pub fn of_running(self) -> Result<Self, Missing> {
        let is_late = |(_, why): &(usize, Missing)| *why == Missing::Late;
        if self.missing.iter().any(is_late) {
            Err(Missing::Late)
        } else {
            Ok(self)
        }
    }

    /// What was answered, without the sources.
    pub fn values(self) -> impl Iterator<Item = A> {
        self.answered.into_iter().map(|(_, answer)| answer)
    }
}

impl<A> FromIterator<(usize, Result<A, Missing>)> for Answers<A> {
    fn from_iter<I: IntoIterator<Item = (usize, Result<A, Missing>)>>(said: I) -> Self {
        let (mut answered, mut missing) = (Vec::new(), Vec::new());
        for (source, said) in said {
            match said {
                Ok(answer) => answered.push((source, answer)),
                Err(why) => missing.push((source, why)),
            }
        }
        Self { answered, missing }
    }
}
