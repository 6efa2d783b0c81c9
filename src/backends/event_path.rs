//! The deployed function and its event source mapping, as Lambda shows them.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Config;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::primitives::Blob;
use aws_types::SdkConfig;
use serde::Deserialize;

use super::aws::aws_error;
use super::word;
use crate::error::Error;

/// The time limit of a self-test in the function, with its start.
const MAX_SELF_TEST: Duration = Duration::from_secs(75);

/// An event source mapping of the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The name of its queue, or of another source.
    pub source: String,
    /// Its state, such as `Enabled`.
    pub state: String,
    /// The result of the last poll, such as `OK` or `PROBLEM: …`; empty if there was none.
    pub last_result: String,
}

/// A check of the function's self-test.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct FunctionCheck {
    /// The name of the check.
    pub name: String,
    /// The result: `pass`, `warn`, `fail` or `skip`.
    pub status: String,
    /// The finding.
    pub detail: String,
    /// The remedy, unless the check passed.
    #[serde(default)]
    pub remedy: Option<String>,
}

/// What can be asked about the way from the queue to Vault.
pub trait EventPath {
    /// Returns the event source mappings of a function.
    async fn mappings(&self, function: &str) -> Result<Vec<Mapping>, Error>;
    /// Runs the self-test of a function.
    async fn self_test(&self, function: &str) -> Result<Vec<FunctionCheck>, Error>;
}

/// Lambda in one account and Region.
#[derive(Debug)]
pub struct LambdaService {
    client: Client,
}

impl LambdaService {
    /// Creates an adapter with these settings.
    pub fn new(aws: &SdkConfig) -> Self {
        Self {
            client: Client::new(aws),
        }
    }
}

impl EventPath for LambdaService {
    async fn mappings(&self, function: &str) -> Result<Vec<Mapping>, Error> {
        let request = self.client.list_event_source_mappings();
        let pages = request.function_name(function).into_paginator();
        let mappings = pages.items().send().collect::<Result<Vec<_>, _>>().await;
        let mappings = mappings.map_err(|error| {
            let remedy = "allow lambda:ListEventSourceMappings";
            failed(
                "listing the event source mappings of",
                function,
                remedy,
                &error,
            )
        })?;
        let mappings = mappings.into_iter().map(|mapping| Mapping {
            source: source(mapping.event_source_arn.as_deref()),
            state: word(&mapping.state.unwrap_or_default()),
            last_result: mapping.last_processing_result.unwrap_or_default(),
        });
        Ok(mappings.collect())
    }

    async fn self_test(&self, function: &str) -> Result<Vec<FunctionCheck>, Error> {
        const OPERATION: &str = "running the self-test of";
        let limits = TimeoutConfig::builder()
            .operation_attempt_timeout(MAX_SELF_TEST)
            .operation_timeout(MAX_SELF_TEST)
            .build();
        let settings = Config::builder()
            .timeout_config(limits)
            .retry_config(RetryConfig::disabled());
        let request = self.client.invoke().function_name(function);
        let request = request.payload(Blob::new(r#"{"action": "doctor"}"#));
        let answer = request.customize().config_override(settings).send().await;
        let answer = answer.map_err(|error| {
            let remedy = "allow lambda:InvokeFunction on it";
            failed(OPERATION, function, remedy, &error)
        })?;
        if answer.function_error.is_some() {
            let problem = "the function failed before it could answer";
            return Err(Error::unexpected(OPERATION, function, problem)
                .with_remedy("read the function's log"));
        }
        let payload = answer.payload.unwrap_or_else(|| Blob::new(""));
        serde_json::from_slice(payload.as_ref()).map_err(|_| {
            let problem = "the answer is not a list of checks";
            Error::unexpected(OPERATION, function, problem)
                .with_remedy("check that --function names the function of this service")
        })
    }
}

/// Returns the name in the ARN of a source.
fn source(arn: Option<&str>) -> String {
    let name = arn.and_then(|arn| arn.rsplit([':', '/']).next());
    name.map_or_else(|| "an unknown source".to_owned(), word)
}

/// Translates the failure of a call about a function. `remedy` is for a denied call.
fn failed<E: ProvideErrorMetadata>(
    operation: &'static str,
    function: &str,
    remedy: &'static str,
    error: &SdkError<E>,
) -> Error {
    if error.code() == Some("ResourceNotFoundException") {
        let remedy = "check the name of the function (--function) and AWS_REGION";
        return Error::missing(operation, function, remedy);
    }
    aws_error(operation, function, remedy, error)
}
