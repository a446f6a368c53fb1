//! The secrets of the admin API: what each opens, and how they change while the server runs.
//!
//! There are two kinds. The admin secret opens the admin API. The bridge secret opens only the bridge. If there is one,
//! only it opens a bridge that decides who may see stats: such a bridge gets visitors' cookies, and the owner of the
//! admin secret need not see those.
//!
//! Two secrets of each kind are valid at a time, the current one and the previous one. So a secret is changed in steps
//! that lock no client out: the server accepts both, the clients change over one by one, the server forgets the old
//! one. Tickets and bridges end with the secret that opened them.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use crate::keys::{Hashes, Keys, Purpose};

/// Characters below which a secret is called short, with a warning in the log: 16 random letters and digits are 95 bits.
const SHORT: usize = 16;

/// A secret: its `Debug` shows nothing, and it is compared in constant time.
///
/// ```
/// use headcount_server::Secret;
///
/// let secret = Secret::new("correct horse battery staple");
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// assert_eq!(secret.expose(), "correct horse battery staple");
/// ```
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A secret with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text. Keep it out of logs and messages.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is this secret, in time that depends on the lengths alone.
    ///
    /// ```
    /// use headcount_server::Secret;
    ///
    /// let secret = Secret::new("correct horse battery staple");
    /// assert!(secret.matches("correct horse battery staple"));
    /// assert!(!secret.matches("correct horse"));
    /// ```
    pub fn matches(&self, candidate: &str) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.0.as_bytes(), candidate.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The secrets of a server, without any at first. [`Headcount::change_secrets`](crate::Headcount::change_secrets) takes new ones.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Secrets {
    /// Opens the admin API.
    pub admin: Option<Secret>,
    /// The admin secret before that, which still holds.
    pub admin_previous: Option<Secret>,
    /// Opens the bridge, and nothing else.
    pub bridge: Option<Secret>,
    /// The bridge secret before that, which still holds.
    pub bridge_previous: Option<Secret>,
}

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    Admin,
    Bridge,
}

/// A valid secret that a request sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recognised {
    pub(crate) right: Right,
    /// Identifies this secret where its key does. Tickets and bridges carry it.
    pub(crate) mark: u64,
}

impl Secrets {
    /// Every contradiction, as sentences that name the key and say what to do.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (key, secret) in self.named() {
            if secret.expose().is_empty() {
                problems.push(format!("`{key}` is empty: set one, or leave it out"));
            }
        }
        for (key, needed, is_met) in [
            (
                "admin_secret_previous",
                "admin_secret",
                self.admin.is_some() || self.admin_previous.is_none(),
            ),
            (
                "bridge_secret_previous",
                "bridge_secret",
                self.bridge.is_some() || self.bridge_previous.is_none(),
            ),
        ] {
            if !is_met {
                problems.push(format!("`{key}` is the secret before `{needed}`: set that too"));
            }
        }
        let [admin, bridge] = [Right::Admin, Right::Bridge].map(|right| self.of(right));
        if bridge
            .iter()
            .any(|secret| admin.iter().any(|other| other.matches(secret.expose())))
        {
            problems.push(
                "`bridge_secret` is also an admin secret: choose another, so that it opens the bridge alone"
                    .to_owned(),
            );
        }
        problems
    }

    /// The keys of secrets so short that they can be guessed.
    pub(crate) fn short(&self) -> Vec<&'static str> {
        let named = self.named().into_iter();
        let short = named.filter(|(_, secret)| secret.expose().chars().count() < SHORT);
        short.map(|(key, _)| key).collect()
    }

    /// Says which secrets are short, in the log.
    pub(crate) fn warn_of_short(&self) {
        for key in self.short() {
            tracing::warn!(
                "`{key}` has fewer than {SHORT} characters and can be guessed: make one with `openssl rand -hex 24`"
            );
        }
    }

    fn named(&self) -> Vec<(&'static str, &Secret)> {
        let all = [
            ("admin_secret", &self.admin),
            ("admin_secret_previous", &self.admin_previous),
            ("bridge_secret", &self.bridge),
            ("bridge_secret_previous", &self.bridge_previous),
        ];
        all.into_iter()
            .filter_map(|(key, secret)| Some((key, secret.as_ref()?)))
            .collect()
    }

    fn of(&self, right: Right) -> Vec<&Secret> {
        let pair = match right {
            Right::Admin => [&self.admin, &self.admin_previous],
            Right::Bridge => [&self.bridge, &self.bridge_previous],
        };
        pair.into_iter().flatten().collect()
    }
}

/// The secrets that hold now, shared by everything that checks one.
#[derive(Debug)]
pub(crate) struct Keyring {
    secrets: RwLock<Secrets>,
    /// Hashes secrets to their marks.
    hashes: Hashes,
}

impl Keyring {
    pub(crate) fn new(secrets: Secrets, keys: &Keys) -> Self {
        Self {
            secrets: RwLock::new(secrets),
            hashes: keys.hashes(Purpose::Secrets),
        }
    }

    /// Whether there is a secret of this kind.
    pub(crate) fn has(&self, right: Right) -> bool {
        !self.read().of(right).is_empty()
    }

    /// The secret that was shown, where it is one that holds. Compares with every one, so time does not tell which.
    pub(crate) fn recognise(&self, shown: &str) -> Option<Recognised> {
        let secrets = self.read();
        let mut recognised = None;
        for right in [Right::Admin, Right::Bridge] {
            for secret in secrets.of(right) {
                if secret.matches(shown) && recognised.is_none() {
                    let mark = self.hashes.of(secret.expose());
                    recognised = Some(Recognised { right, mark });
                }
            }
        }
        recognised
    }

    /// Takes new secrets in place of the old ones. The marks of those that hold now.
    pub(crate) fn replace(&self, secrets: Secrets) -> Vec<u64> {
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = secrets;
        self.marks()
    }

    /// The mark of the admin secret and that of the bridge secret. 0: that secret is not set.
    pub(crate) fn current(&self) -> [u64; 2] {
        let Secrets { admin, bridge, .. } = &*self.read();
        [admin, bridge].map(|secret| {
            let mark = secret.as_ref().map(|secret| self.hashes.of(secret.expose()));
            mark.unwrap_or_default()
        })
    }

    /// The marks of the secrets that hold.
    pub(crate) fn marks(&self) -> Vec<u64> {
        let secrets = self.read();
        let named = secrets.named().into_iter();
        named.map(|(_, secret)| self.hashes.of(secret.expose())).collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Secrets> {
        self.secrets.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(texts: [&str; 4]) -> Secrets {
        let [admin, admin_previous, bridge, bridge_previous] =
            texts.map(|text| (text != "-").then(|| Secret::new(text)));
        Secrets {
            admin,
            admin_previous,
            bridge,
            bridge_previous,
        }
    }

    #[test]
    fn the_current_secret_and_the_one_before_hold() {
        let keyring = Keyring::new(secrets(["new", "old", "bridge", "-"]), &Keys::of(b"any"));
        let right = |shown: &str| keyring.recognise(shown).map(|recognised| recognised.right);
        assert_eq!(right("new"), Some(Right::Admin));
        assert_eq!(right("old"), Some(Right::Admin));
        assert_eq!(right("bridge"), Some(Right::Bridge));
        for wrong in ["", "-", "ne", "newer", "NEW", "new\0"] {
            assert_eq!(right(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_secret_keeps_its_mark_for_as_long_as_it_holds() {
        let keyring = Keyring::new(secrets(["a", "-", "-", "-"]), &Keys::of(b"any"));
        let mark = keyring.recognise("a").unwrap().mark;
        assert!(keyring.replace(secrets(["b", "a", "-", "-"])).contains(&mark));
        assert_eq!(keyring.recognise("a").unwrap().mark, mark);
        assert!(!keyring.replace(secrets(["b", "-", "-", "-"])).contains(&mark));
        assert_eq!(keyring.recognise("a"), None);
    }

    #[test]
    fn contradictions_are_said() {
        let count = |texts| secrets(texts).problems().len();
        assert_eq!(count(["-", "-", "-", "-"]), 0);
        assert_eq!(count(["a", "b", "c", "d"]), 0);
        assert_eq!(count(["", "-", "-", "-"]), 1);
        assert_eq!(count(["-", "b", "-", "d"]), 2);
        assert_eq!(count(["a", "-", "a", "-"]), 1);
        assert_eq!(count(["a", "b", "c", "b"]), 1);
    }

    #[test]
    fn short_secrets_are_named() {
        let short = secrets(["fifteen-letters", "sixteen-letters!", "-", "x"]).short();
        assert_eq!(short, ["admin_secret", "bridge_secret_previous"]);
    }
}
