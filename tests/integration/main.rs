//! Tests of the built binaries against real services: OpenBao as Vault, and an AWS emulator.
//!
//! All tests share one stack. Each test has its own bucket, parameter prefix and Vault folder.
//! A test that stops or seals Vault starts its own stack.

mod answers;
mod command;
mod consumers;
mod credentials;
mod deployed;
mod deployment;
mod doctor;
mod documentation;
mod event_path;
mod faults;
mod function;
mod hosts;
mod keysync;
mod leaks;
mod lifecycle;
mod login;
mod permissions;
mod proxy;
mod races;
mod rate_limit;
mod reconcile;
mod rehearsal;
mod release;
mod round_trips;
#[path = "../support/runtime_api.rs"]
mod runtime_api;
mod schemas;
mod source_layout;
mod stack;
mod targets;
mod test_env;
mod token;
mod token_import;
mod variables;
mod vault_setup;
