//! What a connection of the generic door is doing: its requests, and how its client takes the answers.
//!
//! The socket and the requests write here, and the connection's own task looks from time to time (`patience`). So HTTP/1.1 and
//! HTTP/2 end by the same rules, however many requests share a connection.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Notify;

use crate::clock;

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    requests: AtomicU64,
    in_flight: AtomicU32,
    /// Of these, how many wait for the client: for more of a body, or for room for the answer.
    waiting: AtomicU32,
    received: AtomicU64,
    written: AtomicU64,
    flooded: AtomicBool,
    /// Until when an answer is held back.
    held_until: Mutex<Option<Instant>>,
    cut: Notify,
    is_cut: AtomicBool,
}

/// What a look at a connection shows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Requests begun so far.
    pub(super) requests: u64,
    /// Requests whose answers are not finished.
    pub(super) in_flight: u32,
    /// Of these, how many wait for the client alone.
    pub(super) waiting: u32,
    /// Bytes of bodies that were read so far.
    pub(super) received: u64,
    /// Bytes that the socket has taken so far.
    pub(super) written: u64,
    /// Since when the client has left a piece of an answer untouched.
    pub(super) untouched_since: Option<Instant>,
}

impl Seen {
    /// Whether all that is under way waits for the client.
    pub(super) fn waits_for_client(&self) -> bool {
        self.in_flight > 0 && self.waiting >= self.in_flight
    }

    /// Bytes that went either way so far.
    pub(super) fn moved(&self) -> u64 {
        self.received + self.written
    }
}

impl Activity {
    pub(super) fn seen(&self) -> Seen {
        Seen {
            requests: self.requests.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            written: self.written(),
            untouched_since: None,
        }
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// The socket took these bytes.
    pub(super) fn write(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The client sent more frames than it may.
    pub(super) fn flood(&self) {
        self.flooded.store(true, Ordering::Relaxed);
    }

    /// Whether no answer is held back now; then one is until `until`.
    pub(super) fn hold(&self, now: Instant, until: Instant) -> bool {
        let mut held = self.held_until.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = held.is_none_or(|held| held <= now);
        if is_free {
            *held = Some(until);
        }
        is_free
    }

    /// Ends the connection.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
        self.cut.notify_one();
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    /// Resolves when the connection is to end.
    pub(super) async fn until_cut(&self) {
        self.cut.notified().await;
    }

    pub(super) fn is_flooded(&self) -> bool {
        self.flooded.load(Ordering::Relaxed)
    }
}

/// A request, from its head to the end of its answer.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl InFlight {
    pub(super) fn begin(activity: &Arc<Activity>) -> Self {
        activity.in_flight.fetch_add(1, Ordering::Relaxed);
        activity.requests.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(activity))
    }

    /// Follows this answer to its end.
    pub(super) fn answer(self, body: Body) -> Body {
        // hyper may not ask for its first piece before the client has room for it.
        let mut waits = Waits::new(&self.0);
        waits.set(true);
        Body::new(Answer {
            body,
            waits,
            _in_flight: self,
        })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer. hyper asks for the next piece once the client has made room for it.
#[derive(Debug)]
struct Answer {
    body: Body,
    waits: Waits,
    _in_flight: InFlight,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let is_given = matches!(polled, Poll::Ready(Some(_)));
        Untouched::note(is_given);
        self.waits.set(is_given);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether a request waits for its client.
#[derive(Debug)]
struct Waits {
    activity: Arc<Activity>,
    waits: bool,
}

impl Waits {
    fn new(activity: &Arc<Activity>) -> Self {
        let activity = Arc::clone(activity);
        Self {
            activity,
            waits: false,
        }
    }

    fn set(&mut self, waits: bool) {
        if waits && !self.waits {
            self.activity.waiting.fetch_add(1, Ordering::Relaxed);
        } else if !waits && self.waits {
            self.activity.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        self.waits = waits;
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.set(false);
    }
}

/// The body of a request. It waits for the client from when a handler asks for more than has come.
#[derive(Debug)]
pub(super) struct Sent<B> {
    body: B,
    waits: Waits,
}

impl<B> Sent<B> {
    pub(super) fn new(body: B, activity: &Arc<Activity>) -> Self {
        let waits = Waits::new(activity);
        Self { body, waits }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Sent<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.waits.set(polled.is_pending());
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
            self.waits.activity.received.fetch_add(bytes, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

tokio::task_local! {
    static UNTOUCHED: Arc<Untouched>;
}

/// Since when the client has left a piece of an answer untouched. hyper does not tell, so the body leaves it here whenever it is
/// asked for a piece, for the future that is being polled: the connection in HTTP/1.1, the stream in HTTP/2.
#[derive(Debug, Default)]
pub(super) struct Untouched(Mutex<Option<Instant>>);

impl Untouched {
    fn note(given: bool) {
        let _not_watched = UNTOUCHED.try_with(|untouched| {
            *untouched.0.lock().unwrap_or_else(PoisonError::into_inner) = given.then(clock::now);
        });
    }

    pub(super) fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls while the bodies in `polled` tell this one.
    pub(super) fn during<T>(self: &Arc<Self>, polled: impl FnOnce() -> T) -> T {
        UNTOUCHED.sync_scope(Arc::clone(self), polled)
    }
}

/// Runs `stream`, an HTTP/2 stream, unless its client leaves its answer untouched for so long: then the stream alone is dropped,
/// and so reset. Whether it ran to its end.
pub(super) async fn while_touched(stream: impl Future, patience: Duration) -> bool {
    let untouched = Arc::<Untouched>::default();
    let mut stream = std::pin::pin!(stream);
    let mut timer = std::pin::pin!(tokio::time::sleep(patience));
    std::future::poll_fn(|cx| {
        if untouched.during(|| stream.as_mut().poll(cx)).is_ready() {
            return Poll::Ready(true);
        }
        let Some(since) = untouched.since() else {
            return Poll::Pending;
        };
        timer.as_mut().reset((since + patience).into());
        timer.as_mut().poll(cx).map(|()| false)
    })
    .await
}
