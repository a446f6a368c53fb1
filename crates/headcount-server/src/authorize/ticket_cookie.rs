//! The names of the cookies that carry tickets.

/// How the name of a cookie begins that carries a ticket. Set it with `HttpOnly; SameSite=Strict; Path=/`, and `Secure` over TLS.
///
/// Cookies know no ports, so the boards of two servers on one host would overwrite each other's. [`Tickets::of`](super::ticket::Tickets::of) therefore adds `_` and
/// 8 hexadecimal digits that tell the servers apart.
pub const TICKET_COOKIE: &str = "headcount_ticket";
/// Digits after [`TICKET_COOKIE`].
const NAME_DIGITS: usize = 8;

/// Whether a cookie carries a ticket, of this server or of another one on its host.
pub(super) fn is_ticket_cookie(name: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    name.strip_prefix(TICKET_COOKIE).is_some_and(|rest| {
        rest.is_empty()
            || rest
                .strip_prefix('_')
                .is_some_and(|digits| digits.len() == NAME_DIGITS && digits.bytes().all(is_digit))
    })
}
