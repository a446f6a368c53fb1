//! WebSockets leave HTTP: over plain TCP their socket moves to a shard, else a task carries them.

use std::sync::Arc;
use std::time::Duration;

use headcount_core::websocket::{self, CloseCode, Decoder, Event, Flow};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::downcast;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::rewound::Rewound;
use crate::admission::Candidate;
use crate::headcount::Headcount;
use crate::metrics::Count;
use crate::shard::remote::{self, RemoteEnd};
use crate::shard::{Arrival, Mail, NewLink};
use crate::site::Seat;

/// Bytes read at once by a task that carries a WebSocket.
const READ_BYTES: usize = 4_096;

/// How long a client may take to hang up after the last frame.
const LINGER: Duration = Duration::from_secs(2);

/// Waits for the upgrade and gives the connection to a shard.
pub(crate) async fn adopt(headcount: Headcount, upgrade: OnUpgrade, candidate: Box<Candidate>, place: Seat) {
    let Ok(upgraded) = upgrade.await else { return };
    let shard = headcount.shards().for_new(candidate.tab).clone();
    let open = |link, early| {
        let arrival = Arrival {
            newcomer: candidate.newcomer(headcount.site()),
            place,
            link,
            greeting: Vec::new(),
            early,
        };
        let opened = shard.offer(Mail::Open(Box::new(arrival)));
        if opened.is_err() {
            headcount.count(Count::CommandDropped);
        }
        opened.is_ok()
    };
    match below(upgraded) {
        Below::Socket(socket, early) => {
            open(NewLink::Socket(socket), early);
        }
        Below::Lost => {}
        Below::None(upgraded) => {
            let (link, end) = remote::link(headcount.shards());
            if open(NewLink::Remote(link), Vec::new()) {
                carry(&headcount, TokioIo::new(upgraded), end).await;
            }
        }
    }
}

/// Waits for the upgrade, sends these bytes, and closes.
pub(crate) async fn answer_once(upgrade: OnUpgrade, bytes: Vec<u8>) {
    let Ok(upgraded) = upgrade.await else { return };
    let mut io = TokioIo::new(upgraded);
    let answered = async {
        if io.write_all(&bytes).await.is_ok() {
            let _already_gone = io.shutdown().await;
        }
    };
    let _too_slow = tokio::time::timeout(LINGER, answered).await;
}

/// The plain socket below an upgraded connection.
enum Below {
    /// It, with what was read of it already.
    Socket(mio::net::TcpStream, Vec<u8>),
    /// There is no socket: TLS, or another kind of server.
    None(Upgraded),
    /// It could not be taken over, and is closed.
    Lost,
}

fn below(upgraded: Upgraded) -> Below {
    let (stream, read) = match downcast::<TokioIo<Rewound>>(upgraded) {
        Ok(parts) => {
            let (stream, rest) = parts.io.into_inner().into_parts();
            (stream, [&parts.read_buf[..], &rest[..]].concat())
        }
        Err(upgraded) => match downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(parts) => (parts.io.into_inner(), parts.read_buf.to_vec()),
            Err(upgraded) => return Below::None(upgraded),
        },
    };
    match stream.into_std() {
        Ok(stream) => Below::Socket(mio::net::TcpStream::from_std(stream), read),
        Err(error) => {
            tracing::debug!(%error, "an upgraded socket could not be taken over");
            Below::Lost
        }
    }
}

/// Carries a WebSocket whose socket cannot be moved: frames are decoded here, everything else happens in the shard. The
/// bytes of one read go to the shard as one turn, and the next read waits until the shard has finished it: a fast
/// sender is slowed by its own socket, and no link has more than a buffer of messages in the mailbox.
async fn carry(headcount: &Headcount, mut io: TokioIo<Upgraded>, mut end: RemoteEnd) {
    let mut decoder = Decoder::default();
    let mut buffer = vec![0; READ_BYTES];
    let turns = Arc::new(Semaphore::new(1));
    let patience = Duration::from_millis(headcount.site().config.limits.outbox_ms.into());
    // The shard sends first; until then there is no connection.
    let Some(first) = end.next().await else { return };
    if write(&mut io, &first, patience).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            // What the shard says comes first: behind its last word nothing else may follow.
            biased;
            outgoing = end.next() => match outgoing {
                Some(bytes) => {
                    if write(&mut io, &bytes, patience).await.is_err() {
                        return;
                    }
                }
                None => break,
            },
            (turn, read) = read_in_turn(&turns, &mut io, &mut buffer) => {
                let Ok(read @ 1..) = read else { return };
                let answer = take_in(headcount, &mut decoder, &mut buffer[..read], &end);
                end.end_turn(turn);
                let Some(answer) = answer else { continue };
                if write(&mut io, &answer.bytes, patience).await.is_err() || answer.last {
                    break;
                }
            }
        }
    }
    // The counts do not wait for the client to hang up.
    drop(end);
    linger(io, &mut buffer).await;
}

/// Writes all of this, unless the client takes nothing for so long.
async fn write(io: &mut TokioIo<Upgraded>, mut bytes: &[u8], patience: Duration) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let written = tokio::time::timeout(patience, io.write(bytes)).await??;
        if written == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        bytes = &bytes[written..];
    }
    io.flush().await
}

/// Waits a moment for the client to hang up: with bytes unread the socket would be reset, and that may overtake the close frame.
async fn linger(mut io: TokioIo<Upgraded>, buffer: &mut [u8]) {
    let hung_up = async {
        io.shutdown().await?;
        while io.read(buffer).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    let _too_slow = tokio::time::timeout(LINGER, hung_up).await;
}

/// Reads once the shard has taken what was read before. Dropped at any point it has read nothing.
async fn read_in_turn(
    turns: &Arc<Semaphore>,
    io: &mut TokioIo<Upgraded>,
    buffer: &mut [u8],
) -> (Option<OwnedSemaphorePermit>, std::io::Result<usize>) {
    // `None` only if the semaphore were closed, which never happens.
    let turn = Arc::clone(turns).acquire_owned().await.ok();
    (turn, io.read(buffer).await)
}

/// What the task itself answers.
struct Answer {
    bytes: Vec<u8>,
    last: bool,
}

fn take_in(
    headcount: &Headcount,
    decoder: &mut Decoder,
    bytes: &mut [u8],
    end: &RemoteEnd,
) -> Option<Answer> {
    let message_bytes_max = headcount.site().config.limits.message_bytes_max as usize;
    let mut answer = Answer {
        bytes: Vec::new(),
        last: false,
    };
    let mut is_whole = false;
    let outcome = decoder.feed(bytes, message_bytes_max, |event| {
        is_whole = true;
        let told = match event {
            Event::Text(text) => end.tell(|key| Mail::Received {
                key,
                text: text.into(),
            }),
            Event::Pong(_) | Event::Fragment => end.tell(|key| Mail::Spent { key }),
            Event::Binary(_) => {
                headcount.count(Count::ReceivedMalformed);
                end.tell(|key| Mail::Spent { key })
            }
            Event::Ping(payload) => {
                answer.bytes.extend_from_slice(&websocket::pong(payload));
                end.tell(|key| Mail::Spent { key })
            }
            Event::Close(code) => {
                let echo = code.map_or(CloseCode::NORMAL, CloseCode::new);
                answer.bytes.extend_from_slice(&websocket::close(echo, ""));
                answer.last = true;
                Ok(())
            }
        };
        if told.is_err() {
            headcount.count(Count::CommandDropped);
        }
        Flow::Continue
    });
    if let Err(violation) = outcome {
        headcount.count(Count::ReceivedMalformed);
        answer
            .bytes
            .extend_from_slice(&websocket::close(violation.close_code(), ""));
        answer.last = true;
    }
    if !is_whole && end.tell(|key| Mail::Spent { key }).is_err() {
        headcount.count(Count::CommandDropped);
    }
    (answer.last || !answer.bytes.is_empty()).then_some(answer)
}

#[cfg(test)]
mod tests;
