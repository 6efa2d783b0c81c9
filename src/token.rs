//! The rules for the Vault token: its lifetime, its issues and its stored format. Pure.

mod facts;
mod lifetime;
mod login;
mod object;
mod status;

pub use facts::{TokenFacts, TokenIssue};
pub use lifetime::Lifetime;
pub use login::{LoginRequest, LoginToken};
pub use object::TokenObject;
pub use status::{TokenStatus, TokenView};
