//! Keeps HashiCorp Vault equal to the rotating IAM access keys in AWS SSM Parameter Store.
//!
//! The data flows one way: [`trigger`] (what woke us) → [`observe`] (what there is: a [`snapshot`]) →
//! [`plan`](mod@plan) (what to do, and why) → [`apply`](mod@apply) (Vault first, then the state) → [`report`] (what
//! happened). [`sync`] is that pipeline on one screen; [`handler`] runs it for a Lambda payload.
//!
//! [`reconcile`] runs it for everybody, once a night.
//!
//! Around it: [`config`] (the environment), [`world`] (what an invocation works with), [`stores`] (the outside, one
//! trait and one adapter each), [`token`] (the key to Vault), [`keys`] (names and secrets), [`error`], [`telemetry`].

// The traits of the stores are for this library's own pipeline, which runs on one thread.
#![expect(async_fn_in_trait, reason = "futures need not be Send: the runtime has one thread")]

pub mod apply;
pub mod config;
pub mod error;
pub mod handler;
pub mod keys;
pub mod observe;
pub mod plan;
pub mod reconcile;
pub mod report;
pub mod snapshot;
pub mod stores;
pub mod sync;
pub mod telemetry;
pub mod token;
pub mod trigger;
pub mod world;
