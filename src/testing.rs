//! Test-only code: backends in memory, properties that hold for every input, the convergence
//! property, and the Vault adapter with a real server.
//!
//! Compiled for unit tests and for fuzzing only.

pub mod fuzzing;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod convergence;
#[cfg(test)]
pub mod memory;
#[cfg(test)]
mod openbao;
pub mod remedies;
#[cfg(test)]
pub mod results;
#[cfg(test)]
mod secrets;
