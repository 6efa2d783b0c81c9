//! Fault injection with real services: `make test-faults`.
//!
//! Each test ends by removing the fault and checking that the service has recovered by itself.

mod aws_faults;
mod crash_points;
mod fake_vault;
pub mod fault_injector;
mod forged_events;
mod hostile_input;
mod load;
mod microburst;
mod reconcile_lease;
mod scenarios;
mod soak;
mod targets;
pub mod tls;
mod vault_outage;
mod vault_responses;

use serde_json::Value;

/// Returns the ids of the messages that a batch response returns to the queue.
pub fn returned(answer: &Value) -> Vec<&str> {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    failures
        .iter()
        .map(|failure| failure["itemIdentifier"].as_str().unwrap())
        .collect()
}
