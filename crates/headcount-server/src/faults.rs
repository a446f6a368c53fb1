//! Faults that tests order: a disk that is full or hangs.
//!
//! Only builds with debug assertions can order them. In a release build this value holds nothing and its checks are empty.

#[cfg(not(debug_assertions))]
pub(crate) use absent::Faults;
#[cfg(debug_assertions)]
pub use ordered::{Disk, Faults};

#[cfg(debug_assertions)]
mod ordered {
    use std::io;
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

        pub(crate) fn write(&self, is_history: bool) -> io::Result<()> {
            if is_history {
                &self.0.history
            } else {
                &self.0.commands
            }
            .write()
        }
    }
}

#[cfg(not(debug_assertions))]
mod absent {
    /// No faults.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Faults;

    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "what builds with faults do here"
    )]
    impl Faults {
        #[inline]
        pub(crate) fn write(&self, _: bool) -> std::io::Result<()> {
            Ok(())
        }
    }
}
