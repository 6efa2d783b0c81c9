//! Test-only code: backends in memory, properties that hold for every input, and the convergence
//! property.
//!
//! Compiled for unit tests and for fuzzing only.

pub mod fuzzing;

#[cfg(test)]
mod convergence;
#[cfg(test)]
pub mod memory;
#[cfg(test)]
pub mod remedies;
#[cfg(test)]
pub mod results;
#[cfg(test)]
mod secrets;
