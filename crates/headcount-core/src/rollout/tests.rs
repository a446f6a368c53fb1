//! The gate under whatever it is told, and forecasts against simulated sites.

mod gate;
mod sites;
