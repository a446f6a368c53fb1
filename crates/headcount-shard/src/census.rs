//! How many connections are held.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Why a connection is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The server has reached `limits.connections_max`.
    Server,
    /// This address has reached its limit.
    Address,
}

/// How many connections are held, in all and by address.
#[derive(Debug)]
pub struct Census {
    open: AtomicU32,
    max: u32,
    /// Only where there is a limit per address.
    addresses: Option<Mutex<HashMap<u64, u32>>>,
    per_address_max: u32,
}

impl Census {
    /// Of nothing yet, with room for `max` connections, and so many of each address; 0: any number of them.
    pub fn new(max: u32, per_address_max: u32) -> Self {
        Self {
            open: AtomicU32::new(0),
            max,
            addresses: (per_address_max > 0).then(Mutex::default),
            per_address_max,
        }
    }

    /// Connections that are held.
    pub fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// Adds a connection. A connection that was added must [`Census::leave`].
    fn enter(&self, address: Option<u64>) -> Result<(), Full> {
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.max {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return Err(Full::Server);
        }
        let (Some(addresses), Some(address)) = (&self.addresses, address) else {
            return Ok(());
        };
        let mut addresses = addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let held = addresses.entry(address).or_default();
        if *held >= self.per_address_max {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return Err(Full::Address);
        }
        *held += 1;
        Ok(())
    }

    /// One that was let in is gone.
    pub(super) fn leave(&self, address: Option<u64>) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        let (Some(addresses), Some(address)) = (&self.addresses, address) else {
            return;
        };
        let mut addresses = addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = addresses.get_mut(&address) {
            *held -= 1;
            if *held == 0 {
                addresses.remove(&address);
            }
        }
    }
}

/// A place in the census that is given back unless it is kept.
#[derive(Debug)]
pub struct Seat {
    census: Arc<Census>,
    address: Option<u64>,
    kept: bool,
}

impl Seat {
    /// Takes a place for a connection from this address, hashed; `None` where none is limited.
    ///
    /// # Errors
    ///
    /// There is no room.
    pub fn take(census: &Arc<Census>, address: Option<u64>) -> Result<Self, Full> {
        census.enter(address)?;
        Ok(Self {
            census: Arc::clone(census),
            address,
            kept: false,
        })
    }

    /// The connection is open: closing it must leave the census for this address.
    pub(super) fn keep(mut self) -> Option<u64> {
        self.kept = true;
        self.address
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.kept {
            self.census.leave(self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_back_unless_it_is_kept() {
        let census = Arc::new(Census::new(2, 1));
        let seat = Seat::take(&census, Some(7)).unwrap();
        assert_eq!(Seat::take(&census, Some(7)).unwrap_err(), Full::Address);
        assert_eq!(census.open(), 1);
        drop(seat);
        let kept = Seat::take(&census, Some(7)).unwrap().keep();
        let other = Seat::take(&census, None).unwrap();
        assert_eq!(Seat::take(&census, Some(8)).unwrap_err(), Full::Server);
        drop(other);
        assert_eq!((kept, census.open()), (Some(7), 1));
        census.leave(kept);
        assert_eq!(census.open(), 0);
        assert!(Seat::take(&census, Some(7)).is_ok());
    }
}
