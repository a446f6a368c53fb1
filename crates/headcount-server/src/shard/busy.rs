//! For tests: a shard that is busy for as long as they like.

use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};

use headcount_core::questions::{Answer, Pulse};
use tokio::sync::oneshot;

use headcount_shard::{Handle, Mail};

/// Keeps a shard busy until it goes.
pub(crate) struct Busy {
    begins: mpsc::Receiver<()>,
    _end: mpsc::SyncSender<()>,
    /// No task is woken for an answer that no one waits for.
    _answer: oneshot::Receiver<Answer>,
}

impl Busy {
    /// After everything the shard was told before. It answers a question, and waking the asker takes time.
    pub(crate) fn queue(shard: &Handle) -> Self {
        let (began, begins) = mpsc::sync_channel(1);
        let (keep, end) = mpsc::sync_channel(0);
        let end = Mutex::new(end);
        let waker = Waker::from(Arc::new(Slow { began, end }));
        let (reply, mut answer) = oneshot::channel();
        let asked = Pin::new(&mut answer).poll(&mut Context::from_waker(&waker));
        assert!(asked.is_pending());
        let question = Pulse.into();
        shard.force(Mail::Ask { question, reply });
        Self {
            begins,
            _end: keep,
            _answer: answer,
        }
    }

    /// Waits until the shard has come there.
    pub(crate) fn begin(&self) {
        self.begins.recv().unwrap();
    }
}

struct Slow {
    began: mpsc::SyncSender<()>,
    end: Mutex<mpsc::Receiver<()>>,
}

impl Wake for Slow {
    fn wake(self: Arc<Self>) {
        self.began.send(()).unwrap();
        let _dropped = self.end.lock().unwrap().recv();
    }
}
