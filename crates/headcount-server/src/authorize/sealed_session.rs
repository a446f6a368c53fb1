//! Sealed session cookies: the `Fe26.2` format that h3's `useSession` and `nuxt-auth-utils` write.
//!
//! The app seals its session into a cookie with a password. With the same password the server can open it, so it can
//! admit without asking the app. The format is that of iron-webcrypto (<https://github.com/brc-dd/iron-webcrypto>),
//! eight parts with `*` between them:
//!
//! ```text
//! Fe26.2 * password id * encryption salt * iv * ciphertext * expiry ms * mac salt * mac
//! ```
//!
//! Both keys are PBKDF2-HMAC-SHA1 (one iteration, 32 bytes) over the password and the salt *as hexadecimal text*. The
//! mac is HMAC-SHA256 over everything before `*mac salt`; the ciphertext is AES-256-CBC with PKCS#7 padding. Inside is
//! `{"id", "createdAt", "data"}`, and `data` is what the rule is put to.
//!
//! Invariants: nothing is decrypted before the mac has been compared, in constant time; every part has a bounded length
//! before anything is computed over it.
//!
//! Deliberately absent: several passwords (the password id must be empty, as h3 writes it), and h3's `maxAge` on
//! `createdAt`: an app that sets `maxAge` also seals the expiry, which is checked. A seal without an expiry holds until the
//! app changes its password, here as in the app.

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use sha1::Sha1;
use sha2::Sha256;

use super::authorizer::{AuthorizeRequest, Authorizer, Verdict, VerdictFuture};
use super::credentials::Reads;
use crate::claims::ClaimRule;
use crate::config::SealedSessionConfig;
use crate::head::cookie;
use crate::secrets::Secret;

/// Longest cookie looked at, bytes. Browsers keep 4,096 for name, value and attributes (RFC 6265, section 6.1).
const COOKIE_BYTES_MAX: usize = 8_192;
/// Longest salt, bytes. iron writes 64.
const SALT_BYTES_MAX: usize = 256;
/// How far the app's clock may be from ours, milliseconds, as in iron.
pub(crate) const SKEW_MS: u64 = 60_000;

/// Admits browsers whose sealed session fulfils a rule.
#[derive(Debug)]
pub struct SealedSession {
    password: Secret,
    cookie: String,
    rule: ClaimRule,
}

/// A seal that was opened.
#[derive(Debug, PartialEq)]
struct Unsealed {
    /// What the app stored: `{"user": …}` with nuxt-auth-utils.
    data: Value,
    /// When the seal expires, milliseconds since the Unix epoch.
    expires_ms: Option<u64>,
}

/// Why a cookie is not a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum OpenError {
    #[error("not a seal of the form Fe26.2*…")]
    Shape,
    #[error("not sealed with this password, or altered since")]
    Forged,
    #[error("expired")]
    Expired,
    #[error("does not hold a session")]
    Content,
}

/// The eight parts, still encoded.
struct Seal<'cookie> {
    /// Everything the mac is computed over.
    sealed: &'cookie str,
    encryption_salt: &'cookie str,
    iv: &'cookie str,
    ciphertext: &'cookie str,
    expires_ms: Option<u64>,
    mac_salt: &'cookie str,
    mac: &'cookie str,
}

impl SealedSession {
    /// Opens with the app's password, reads the cookie and asks the rule that `config` names.
    /// [`Config::problems`](crate::config::Config::problems) refuses a password under 32 bytes, as the app itself does.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use headcount_server::Secret;
    /// use headcount_server::authorize::sealed_session::SealedSession;
    /// use headcount_server::authorize::{AuthorizeRequest, Authorizer, Credentials, Verdict};
    /// use headcount_server::config::SealedSessionConfig;
    ///
    /// # let sealed = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doc/sealed_session.txt")).trim();
    /// let password = Secret::new("0123456789abcdef0123456789abcdef-ref");
    /// let sessions = SealedSession::new(&SealedSessionConfig::new(password));
    /// // `sealed` holds an admin's session, as `nuxt-auth-utils` seals it.
    /// let admin = AuthorizeRequest::new(Credentials::of(&[("cookie", &format!("nuxt-session={sealed}"))]));
    /// assert_eq!(sessions.authorize(&admin).await, Verdict::ADMITTED);
    /// let other = AuthorizeRequest::new(Credentials::of(&[("cookie", "nuxt-session=admin")]));
    /// assert_eq!(sessions.authorize(&other).await, Verdict::Refused);
    /// # });
    /// ```
    pub fn new(config: &SealedSessionConfig) -> Self {
        Self {
            password: config.password.clone(),
            cookie: config.cookie.clone(),
            rule: config.rule.clone(),
        }
    }

    fn verdict(&self, request: &AuthorizeRequest) -> Verdict {
        let Some(value) = cookie(&*request.credentials, &self.cookie) else {
            return Verdict::Refused;
        };
        match self.open(value, request.now_ms) {
            Ok(session) if self.rule.admits(&session.data) => {
                session
                    .expires_ms
                    .map_or(Verdict::ADMITTED, |at| Verdict::Admitted {
                        until_ms: at.saturating_add(SKEW_MS),
                    })
            }
            Ok(_) => Verdict::Refused,
            Err(error) => {
                tracing::debug!(cookie = %self.cookie, %error, "a session cookie was refused");
                Verdict::Refused
            }
        }
    }

    /// Opens a cookie's value (percent-encoded or not).
    fn open(&self, value: &str, now_ms: u64) -> Result<Unsealed, OpenError> {
        if value.len() > COOKIE_BYTES_MAX {
            return Err(OpenError::Shape);
        }
        let text = percent_decode_str(value)
            .decode_utf8()
            .map_err(|_| OpenError::Shape)?;
        let seal = Seal::parse(&text).ok_or(OpenError::Shape)?;
        self.verify(&seal)?;
        if seal
            .expires_ms
            .is_some_and(|at| at.saturating_add(SKEW_MS) <= now_ms)
        {
            return Err(OpenError::Expired);
        }
        Ok(Unsealed {
            data: self.decrypt(&seal).ok_or(OpenError::Content)?,
            expires_ms: seal.expires_ms,
        })
    }

    fn key(&self, salt: &str) -> [u8; 32] {
        let mut key = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha1>(self.password.expose().as_bytes(), salt.as_bytes(), 1, &mut key);
        key
    }

    fn verify(&self, seal: &Seal<'_>) -> Result<(), OpenError> {
        let given = decode(seal.mac).ok_or(OpenError::Shape)?;
        let mac = Hmac::<Sha256>::new_from_slice(&self.key(seal.mac_salt)).map_err(|_| OpenError::Forged)?;
        mac.chain_update(seal.sealed)
            .verify_slice(&given)
            .map_err(|_| OpenError::Forged)
    }

    /// The `data` of the session inside.
    fn decrypt(&self, seal: &Seal<'_>) -> Option<Value> {
        let key = self.key(seal.encryption_salt);
        let cipher = cbc::Decryptor::<Aes256>::new_from_slices(&key, &decode(seal.iv)?).ok()?;
        let json = cipher
            .decrypt_padded_vec::<Pkcs7>(&decode(seal.ciphertext)?)
            .ok()?;
        let mut session: Value = serde_json::from_slice(&json).ok()?;
        session.get_mut("data").map(Value::take)
    }
}

impl Authorizer for SealedSession {
    fn reads(&self) -> Reads {
        Reads::cookie_like(&self.cookie, can_be_seal)
    }

    fn at_once(&self, request: &AuthorizeRequest) -> Option<Verdict> {
        Some(self.verdict(request))
    }

    fn ignores_connection(&self) -> bool {
        true
    }

    fn authorize<'a>(&'a self, request: &'a AuthorizeRequest) -> VerdictFuture<'a> {
        Box::pin(std::future::ready(self.verdict(request)))
    }
}

impl<'cookie> Seal<'cookie> {
    /// Takes a seal apart; `None` where it is not of the form, or a part is longer than one can be.
    fn parse(text: &'cookie str) -> Option<Self> {
        let mut parts = text.split('*');
        let mut next = || parts.next();
        let (prefix, password_id) = (next()?, next()?);
        let (encryption_salt, iv, ciphertext) = (next()?, next()?, next()?);
        let (expiry, mac_salt, mac) = (next()?, next()?, next()?);
        let salts_fit = [encryption_salt, mac_salt]
            .iter()
            .all(|salt| (1..=SALT_BYTES_MAX).contains(&salt.len()));
        if prefix != "Fe26.2" || !password_id.is_empty() || !salts_fit || parts.next().is_some() {
            return None;
        }
        let sealed = &text[..text.len() - mac_salt.len() - mac.len() - 2];
        Some(Self {
            sealed,
            encryption_salt,
            iv,
            ciphertext,
            expires_ms: expires_ms(expiry).ok()?,
            mac_salt,
            mac,
        })
    }
}

/// Whether a text, as sent, has the form of a seal: its beginning, a length that one can have, and no character that no
/// seal has. Cheap, and no proof of anything.
fn can_be_seal(value: &str) -> bool {
    let begins = ["Fe26.2*", "Fe26.2%2A", "Fe26.2%2a"]
        .iter()
        .any(|beginning| value.starts_with(beginning));
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*%".contains(&byte);
    begins && value.len() <= COOKIE_BYTES_MAX && value.bytes().all(is_letter)
}

/// The expiry as sealed: digits, or nothing where the session does not expire.
fn expires_ms(text: &str) -> Result<Option<u64>, OpenError> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let at = digits.then(|| text.parse().ok()).flatten();
    at.map(Some).ok_or(OpenError::Shape)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use cbc::cipher::BlockModeEncrypt;
    use serde_json::json;

    use super::*;
    use crate::authorize::tests::request;

    const PASSWORD: &str = "0123456789abcdef0123456789abcdef-ref";
    pub(crate) const NOW: u64 = 1_795_320_200_000;

    /// Sealed by h3 itself.
    const VECTOR: &str = "Fe26.2**539d82494a6b07953555ffe9a8a93f0d910cd8d608a89b2a349557cf94f52ce3*o0r9w2-tJCKjawP4UJfvuw*cdixO_biS9zYf5pbcGJuEHD2uNHTDFlmd5r_N9KMGoJMgyPcq2wUtg8lHFDNbmKEeckwfkcOZGTVVd2joF5dHVMIUTrNvzJDhoMLV9O6dtW-dRWXWTWwOMsiQLnxaK4AqWD9fwrLeRX7lmQ9tORwIFzccg1-hfncU4jednprnBB_OHUJ6ZlJjthLapK8wJCE**008696e54886ac963aa2bb68aa1f9c3bd5ef5739deacf355b7f84893d7e33000*4gi4iOTq5h3feOomU--tZ3TObSURsntH3RN3Pdlffto";

    fn session(password: &str) -> SealedSession {
        SealedSession::new(&SealedSessionConfig {
            password: Secret::new(password),
            cookie: "nuxt-session".to_owned(),
            rule: ClaimRule::default(),
        })
    }

    /// Seals as the app does, with fixed salts.
    pub(crate) fn seal(content: &str, expiry: &str) -> String {
        let app = session(PASSWORD);
        let (salt, iv) = ("5a".repeat(32), [7; 16]);
        let cipher = cbc::Encryptor::<Aes256>::new_from_slices(&app.key(&salt), &iv).unwrap();
        let ciphertext = cipher.encrypt_padded_vec::<Pkcs7>(content.as_bytes());
        let sealed = format!(
            "Fe26.2**{salt}*{}*{}*{expiry}",
            URL_SAFE_NO_PAD.encode(iv),
            URL_SAFE_NO_PAD.encode(ciphertext)
        );
        let mac_salt = "c3".repeat(32);
        let mac = Hmac::<Sha256>::new_from_slice(&app.key(&mac_salt)).unwrap();
        let mac = mac.chain_update(&sealed).finalize().into_bytes();
        format!("{sealed}*{mac_salt}*{}", URL_SAFE_NO_PAD.encode(mac))
    }

    fn admin_seal(expiry: &str) -> String {
        let content = json!({"id": "1", "createdAt": NOW, "data": {"user": {"role": "admin"}}});
        seal(&content.to_string(), expiry)
    }

    pub(crate) fn verdict(value: &str) -> Verdict {
        let header = format!("theme=dark; nuxt-session={value}; other=1");
        session(PASSWORD).verdict(&request(&[("cookie", &header)], NOW))
    }

    #[test]
    fn a_seal_of_h3_itself_opens() {
        let opened = session(PASSWORD).open(VECTOR, NOW).unwrap();
        let user = json!({"user": {"email": "admin@example.com", "role": "admin"}});
        assert_eq!(
            opened,
            Unsealed {
                data: user,
                expires_ms: None
            }
        );
        assert_eq!(verdict(VECTOR), Verdict::ADMITTED);
    }

    #[test]
    fn the_cookie_may_be_percent_encoded() {
        let encoded = VECTOR.replace('*', "%2A").replace('-', "%2d");
        assert_eq!(verdict(&encoded), Verdict::ADMITTED);
    }

    #[test]
    fn another_password_opens_nothing() {
        let other = session("another password of at least 32 bytes");
        assert_eq!(other.open(VECTOR, NOW), Err(OpenError::Forged));
    }

    #[test]
    fn a_change_in_any_part_is_noticed() {
        let valid = admin_seal("1795320300000");
        assert!(session(PASSWORD).open(&valid, NOW).is_ok());
        for (at, byte) in valid.bytes().enumerate() {
            let other = if byte == b'A' { 'B' } else { 'A' };
            let mut altered = valid.clone();
            altered.replace_range(at..=at, &other.to_string());
            let opened = session(PASSWORD).open(&altered, NOW);
            assert!(
                matches!(opened, Err(OpenError::Forged | OpenError::Shape)),
                "byte {at}: {opened:?}"
            );
        }
    }

    #[test]
    fn an_expired_seal_is_refused_once_the_skew_is_over() {
        let sealed = |expires_ms: u64| session(PASSWORD).open(&admin_seal(&expires_ms.to_string()), NOW);
        assert!(sealed(NOW + 1).is_ok());
        assert!(sealed(NOW - SKEW_MS + 1).is_ok());
        assert_eq!(sealed(NOW - SKEW_MS), Err(OpenError::Expired));
    }

    #[test]
    fn an_admission_ends_with_the_seal() {
        for expires_ms in [NOW + 3_600_000, NOW - 20_000] {
            assert_eq!(
                verdict(&admin_seal(&expires_ms.to_string())),
                Verdict::Admitted {
                    until_ms: expires_ms + SKEW_MS
                }
            );
        }
    }

    #[test]
    fn a_session_must_fulfil_the_rule() {
        for content in [
            json!({"data": {"user": {"role": "visitor"}}}),
            json!({"data": {"user": {"role": ["visitor", 1]}}}),
            json!({"data": {"user": "admin"}}),
            json!({"data": {}}),
            json!({"user": {"role": "admin"}}),
            json!({"data": null}),
        ] {
            assert_eq!(
                verdict(&seal(&content.to_string(), "")),
                Verdict::Refused,
                "{content}"
            );
        }
    }

    #[test]
    fn a_seal_around_something_else_is_refused() {
        for content in ["", "admin", "[]", "7", "null", "{\"data\":", "{}"] {
            let opened = session(PASSWORD).open(&seal(content, ""), NOW);
            assert_eq!(opened, Err(OpenError::Content), "{content}");
        }
    }

    #[test]
    fn what_is_no_seal_is_refused() {
        let valid = admin_seal("");
        let with_id = valid.replacen("**", "*other*", 1);
        let long = format!("Fe26.2**{}", "a".repeat(COOKIE_BYTES_MAX));
        let long_salt = valid.replacen(&"5a".repeat(32), &"5".repeat(SALT_BYTES_MAX + 1), 1);
        let bad_expiries = ["soon", "-1", "+1", "1e9", " 1", "99999999999999999999999"].map(admin_seal);
        let shapes = ["", "*******", "Fe26.1*******", "Fe26.2*******", "%ff%fe", "admin"].map(str::to_owned);
        let odd = [format!("{valid}*"), format!("x{valid}"), with_id, long, long_salt];
        for value in odd.iter().chain(&bad_expiries).chain(&shapes) {
            assert_eq!(
                session(PASSWORD).open(value, NOW),
                Err(OpenError::Shape),
                "{value}"
            );
        }
    }

    #[test]
    fn no_cookie_is_no_session() {
        let shown = request(
            &[
                ("cookie", "nuxt-sessions=1; session=2"),
                ("authorization", VECTOR),
            ],
            NOW,
        );
        assert_eq!(session(PASSWORD).verdict(&shown), Verdict::Refused);
    }

    #[test]
    fn only_what_can_be_a_seal_is_kept() {
        for seal in [
            VECTOR.to_owned(),
            VECTOR.replace('*', "%2A"),
            admin_seal("1795320300000"),
        ] {
            assert!(can_be_seal(&seal), "{seal}");
        }
        let long = format!("Fe26.2*{}", "a".repeat(COOKIE_BYTES_MAX));
        for other in ["", "sid", "Fe26.1**a", "Fe26.2**a b", "Fe26.2**\u{e9}", &long] {
            assert!(!can_be_seal(other), "{other}");
        }
    }
}
