//! The least permissions for a configuration, from `infra/shared`, which both stacks use too.
//!
//! Pure. Leaves out what only a deployment knows, such as the function's queue.

mod iam;
mod vault;

pub use iam::IamPolicy;
pub use vault::VaultPolicy;

#[cfg(test)]
mod tests;
