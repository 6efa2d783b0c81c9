//! The rules for the Vault token: how long it is valid, what Vault reports about it, and how it is stored. Pure.

mod facts;
mod lifetime;
mod object;
mod status;

pub use facts::{TokenFacts, TokenIssue};
pub use lifetime::Lifetime;
pub use object::TokenObject;
pub use status::{TokenStatus, TokenView};
