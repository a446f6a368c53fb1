//! Faults that tests order: a disk that is full or hangs, and a part of the server that panics.
//!
//! Only builds with debug assertions can order them. In a release build this value holds nothing and its checks are empty.

#[cfg(not(debug_assertions))]
pub(crate) use absent::Faults;
#[cfg(debug_assertions)]
pub use ordered::{Disk, Faults};

#[cfg(debug_assertions)]
mod ordered {
    #[cfg(feature = "store")]
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Condvar, Mutex, PoisonError};

    /// What the disk below a file of the store does.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum Disk {
        /// It works.
        #[default]
        Well,
        /// Each write fails, because no space is left.
        Full,
        /// Each write waits until the disk is well again.
        Hanging,
    }

    /// The faults of one server. Cheap to clone; all clones are one.
    #[derive(Clone, Debug, Default)]
    pub struct Faults(Arc<Ordered>);

    #[derive(Debug, Default)]
    struct Ordered {
        commands: Drive,
        history: Drive,
        by_route: AtomicBool,
        armed: AtomicBool,
        part: Mutex<String>,
        stalled: Mutex<String>,
        resumed: Condvar,
    }

    #[derive(Debug, Default)]
    struct Drive {
        disk: Mutex<Disk>,
        changed: Condvar,
    }

    impl Drive {
        fn set(&self, disk: Disk) {
            *self.disk.lock().unwrap_or_else(PoisonError::into_inner) = disk;
            self.changed.notify_all();
        }

        #[cfg(feature = "store")]
        fn write(&self) -> io::Result<()> {
            let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
            while *disk == Disk::Hanging {
                disk = self.changed.wait(disk).unwrap_or_else(PoisonError::into_inner);
            }
            match *disk {
                Disk::Full => Err(io::ErrorKind::StorageFull.into()),
                Disk::Well | Disk::Hanging => Ok(()),
            }
        }
    }

    impl Faults {
        /// What the disk below releases and rules does from now on.
        pub fn commands_disk(&self, disk: Disk) {
            self.0.commands.set(disk);
        }

        /// What the disk below the history does from now on.
        pub fn history_disk(&self, disk: Disk) {
            self.0.history.set(disk);
        }

        /// Lets a part panic the next time it does anything: `shard-0`, `hub`, `commander`, `hooks`,
        /// `sampler`.
        pub fn panic(&self, part: &str) {
            part.clone_into(&mut self.0.part.lock().unwrap_or_else(PoisonError::into_inner));
            self.0.armed.store(true, Ordering::SeqCst);
        }

        /// Lets a part stop the next time it does anything, until [`Faults::resume`].
        pub fn stall(&self, part: &str) {
            part.clone_into(&mut self.0.stalled.lock().unwrap_or_else(PoisonError::into_inner));
            self.0.armed.store(true, Ordering::SeqCst);
        }

        /// Lets what was stalled go on.
        pub fn resume(&self) {
            self.0
                .stalled
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clear();
            self.0.resumed.notify_all();
        }

        /// Sets the wall clock of this process ahead by so many milliseconds, or back.
        pub fn clock(&self, shift_ms: i64) {
            crate::clock::shift_wall(shift_ms);
        }

        /// Lets visitors order faults: a tab on `/fault/<part>` is a panic, one on `/fault/clock/<milliseconds>` sets the wall clock
        /// ahead, or back with a minus.
        pub fn take_routes(&self) {
            self.0.by_route.store(true, Ordering::SeqCst);
        }

        pub(crate) fn on_route(&self, route: &str) {
            if !self.0.by_route.load(Ordering::Relaxed) {
                return;
            }
            let Some(fault) = route.strip_prefix("/fault/") else {
                return;
            };
            match fault.strip_prefix("clock/") {
                Some(shift_ms) => self.clock(shift_ms.parse().unwrap_or_default()),
                None => self.panic(fault),
            }
        }

        #[cfg(feature = "store")]
        pub(crate) fn write(&self, is_history: bool) -> io::Result<()> {
            if is_history {
                &self.0.history
            } else {
                &self.0.commands
            }
            .write()
        }

        #[expect(clippy::panic, reason = "this is what was ordered")]
        pub(crate) fn strike(&self, part: &str) {
            if self.0.armed.load(Ordering::Relaxed) {
                let mut stalled = self.0.stalled.lock().unwrap_or_else(PoisonError::into_inner);
                while *stalled == part {
                    stalled = self
                        .0
                        .resumed
                        .wait(stalled)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                drop(stalled);
                let mut ordered = self.0.part.lock().unwrap_or_else(PoisonError::into_inner);
                if *ordered == part {
                    self.0.armed.store(false, Ordering::SeqCst);
                    ordered.clear();
                    drop(ordered);
                    panic!("a panic of {part} was ordered");
                }
            }
        }
    }
}

#[cfg(not(debug_assertions))]
mod absent {
    /// No faults.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Faults;

    #[expect(clippy::unused_self, reason = "what builds with faults do here")]
    #[cfg_attr(feature = "store", expect(clippy::unnecessary_wraps, reason = "as above"))]
    impl Faults {
        #[inline]
        pub(crate) fn on_route(&self, _: &str) {}

        #[cfg(feature = "store")]
        #[inline]
        pub(crate) fn write(&self, _: bool) -> std::io::Result<()> {
            Ok(())
        }

        #[inline]
        pub(crate) fn strike(&self, _: &str) {}
    }
}
