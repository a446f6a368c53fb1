//! Joins headcount servers through a NATS broker.
//!
//! Two things that servers share have their homes here: the log of commands ([`NatsLog`]), which is one JetStream stream, and the bus
//! ([`NatsBus`]), which is core NATS. Both use one connection to it ([`NatsBroker`]). Subjects begin with `headcount.<name of the cluster>.`, so several clusters
//! can share a broker:
//!
//! | subject | what |
//! |---|---|
//! | `….log.entry`, `….log.checkpoint` | the log, kept by the stream `HEADCOUNT_<name of the cluster>` |
//! | `….stored.entry`, `….stored.checkpoint` | the broker's notice that it stored an entry, without the entry |
//! | `….bus.all`, `….bus.watchers`, `….bus.node.<id>` | messages between nodes |
//!
//! The broker reads none of it: entries are sealed here ([`Seal`]), and messages by the caller.
//!
//! NATS 2.9.10 is the oldest broker that works.
//!
//! ```no_run
//! use headcount_core::command_log::{Checkpoint, CommandLog, Entry};
//! use headcount_nats::{NatsBroker, NatsLog, NatsOptions, Seal};
//!
//! # async fn example(key: [u8; 32]) -> Result<(), Box<dyn std::error::Error>> {
//! let options = NatsOptions {
//!     addresses: vec!["nats://127.0.0.1:4222".to_owned()],
//!     cluster: "shop".to_owned(),
//!     ..NatsOptions::default()
//! };
//! let broker = NatsBroker::connect(&options).await?;
//! // What this server has so far begins a log that is missing.
//! let mut log = NatsLog::open(&broker, Seal::new(key, "shop"), &Checkpoint::default()).await?;
//! let (index, first) = log.next().await.ok_or("the log has ended")?;
//! assert!(matches!(first, Entry::Checkpoint(_)));
//! let index = log.append(&Entry::End { ids: vec![8] }, index).await?;
//! # Ok(())
//! # }
//! ```

mod broker;
mod bus;
mod denials;
mod error;
mod files;
mod log;
mod options;
mod seal;
mod seldom;
mod subjects;

pub use broker::NatsBroker;
pub use bus::{NatsBus, NatsIncoming};
pub use error::ConnectError;
pub use log::{CHECKPOINT_AFTER, MESSAGES_MAX, NatsLog, OpenError};
pub use options::{ClientCertificate, Login, NatsOptions, Tls};
pub use seal::{NotOpened, NotSealed, SEALED_BYTES, Seal};
