//! The real `lambda` binary on real parts: OpenBao for Vault, the emulator for AWS.
//!
//! One stack serves the whole run; each test has a corner of its own in it (bucket, parameter prefix, Vault path). A
//! test that breaks Vault starts a stack of its own.

mod command;
mod corner;
mod deployed;
mod deployment;
mod doctor;
mod documentation;
mod event_path;
mod faults;
mod function;
mod hosts;
mod house;
mod keysync;
mod leaks;
mod lifecycle;
mod permissions;
mod proxy;
mod races;
mod roster;
mod round_trips;
mod schemas;
mod stack;
mod sweep;
mod token;
mod token_import;
mod vault_setup;
