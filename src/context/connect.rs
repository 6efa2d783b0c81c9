//! The adapters for the real services. No other module names them.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;

use super::Context;
use crate::backends::{Backends, documents, parameters, roster, state, tokens, vault};
use crate::config::Config;
use crate::error::Error;
use crate::session::{TokenSource, VaultSession};

/// The longest pause before the second attempt of an AWS call; it doubles with each attempt. Four
/// attempts then end within four seconds, so that two calls in a row stay below their time limit.
const BACKOFF: Duration = Duration::from_millis(500);

/// The adapters for the real services.
#[derive(Debug)]
pub struct Live;

impl Backends for Live {
    type Parameters = parameters::ParameterStore;
    type States = state::StateObjects;
    type Tokens = tokens::StoredToken;
    type Vault = vault::VaultServer;
    type Roster = roster::RosterTable;
    type Documents = documents::TargetsDocument;
}

/// Creates the context from the configuration. Sends nothing yet.
///
/// # Errors
/// [`Error::BadConfiguration`] if a client cannot be created from the configuration.
pub async fn connect(config: Config) -> Result<Context<Live>, Error> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(4))
        .operation_timeout(Duration::from_secs(10))
        .build();
    let aws = aws_config::from_env()
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(4)
                .with_initial_backoff(BACKOFF),
        )
        .timeout_config(timeouts)
        .load()
        .await;
    let config = Config {
        region: aws.region().map(ToString::to_string),
        ..config
    };
    let bucket = config
        .bucket
        .as_ref()
        .map(|bucket| (aws_sdk_s3::Client::new(&aws), bucket));
    let source = match (&config.vault.token, &bucket) {
        (Some(token), _) => TokenSource::Fixed(token.clone()),
        (None, Some((s3, bucket))) => {
            TokenSource::Stored(tokens::StoredToken::new(s3.clone(), bucket))
        }
        (None, None) => {
            let problem = "is not set, and neither is VAULT_TOKEN; expected one of the two";
            return Err(Error::misconfigured("S3_BUCKET_NAME", problem));
        }
    };
    let document = match (&config.targets_file, &bucket) {
        (Some(file), _) => Some(documents::TargetsDocument::File(file.clone())),
        (None, Some((s3, bucket))) => Some(documents::TargetsDocument::Object(
            documents::StoredDocument::new(s3.clone(), bucket),
        )),
        (None, None) => None,
    };
    let parameters = parameters::ParameterStore::new(aws_sdk_ssm::Client::new(&aws));
    let states = bucket.map(|(s3, bucket)| state::StateObjects::new(s3, bucket));
    let session = VaultSession::new(
        vault::VaultServer::new(&config.vault)?,
        source,
        config.token_refresh_threshold_hours,
    );
    let roster = config
        .roster_table
        .clone()
        .map(|table| roster::RosterTable::new(aws_sdk_dynamodb::Client::new(&aws), table));
    Ok(Context::new(
        config, parameters, states, session, roster, document,
    ))
}
