//! A loader: a separate process that plays thousands of tabs, as its parent tells it.
//!
//! It ends when its stdin does, so that no loader outlives the run that started it.

mod acts;
pub(crate) mod command;
mod connection;
mod cookies;
mod decode;
mod event;
mod fleet;
mod lane;
mod returns;
mod sse;
mod tally;
mod websocket;

use std::io::{self, BufRead as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use mio::Waker;

pub(crate) use acts::DEADLINE;
use command::{Answer, Command};
pub(crate) use decode::Response;
use fleet::Fleet;

/// Plays tabs until stdin ends.
pub(crate) fn run(servers: Vec<SocketAddr>, source: Ipv4Addr) -> io::Result<()> {
    let mut fleet = Fleet::new(servers, source)?;
    let commands = read_commands(fleet.waker()?);
    loop {
        match commands.try_recv() {
            Ok(line) => {
                let answer = match serde_json::from_str::<Command>(&line) {
                    Ok(command) => fleet.perform(&command).unwrap_or_else(|error| failed(&error)),
                    Err(error) => failed(&error),
                };
                writeln!(io::stdout(), "{}", serde_json::to_string(&answer)?)?;
            }
            Err(TryRecvError::Empty) => fleet.turn(None)?,
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
    }
}

fn failed(why: &dyn std::error::Error) -> Answer {
    Answer::Failed { why: why.to_string() }
}

/// Reads lines on a separate thread and wakes the fleet for each one, and for the end.
fn read_commands(waker: Waker) -> Receiver<String> {
    let (sender, receiver) = sync_channel(16);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if sender.send(line).is_err() {
                break;
            }
            drop(waker.wake());
        }
        drop(sender);
        drop(waker.wake());
    });
    receiver
}
