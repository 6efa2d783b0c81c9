//! What may go wrong on the way, made to go wrong on real parts: `make test-faults`.
//!
//! Each test ends by letting the faults stop and looking that everything has come right by itself.

mod aws_neighbours;
mod forged_events;
mod hostile_input;
mod killed;
mod liar;
mod load;
mod lying_vault;
pub mod meddler;
mod microburst;
mod night;
mod scenarios;
mod soak;
mod tls;
pub mod vault_away;
