//! The command line with real services.

mod basic;
mod conditions;
mod configuration;
mod dry_run;
mod error_messages;
mod interrupt;
mod least_policy;
mod reconcile;
mod shell;
mod targets;
mod terminal;
mod transcript;
mod usage;
