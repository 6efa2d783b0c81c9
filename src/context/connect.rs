//! The adapters for the real services. Only `keysync::operator` names others.

use aws_types::SdkConfig;
use aws_types::origin::Origin;

use super::Context;
use super::aws;
use crate::backends::{Backends, documents, identity, parameters, roster, state, tokens, vault};
use crate::config::{Authorities, Config};
use crate::error::Error;
use crate::session::{TokenSource, VaultSession};

/// The adapters for the real services.
#[derive(Debug)]
pub struct Live;

impl Backends for Live {
    type Parameters = parameters::ParameterStore;
    type States = state::StateObjects;
    type Tokens = tokens::StoredToken;
    type Identity = identity::AwsIdentity;
    type Vault = vault::VaultServer;
    type Roster = roster::RosterTable;
    type Documents = documents::TargetsDocument;
}

/// Creates the context from the configuration, and returns the settings of the AWS SDK beside it.
/// Sends nothing yet.
///
/// # Errors
/// [`Error::BadConfiguration`] if a client cannot be created from the configuration.
pub async fn connect(config: Config) -> Result<(Context<Live>, SdkConfig), Error> {
    let config = with_authorities(config)?;
    let aws = aws::sdk_config(&config).await?;
    let config = Config {
        region: aws.region().map(ToString::to_string),
        ..config
    };
    let endpoints = &config.aws.endpoints;
    let s3 = aws_sdk_s3::Client::new(&at(&aws, endpoints.s3.as_ref()));
    let ssm = aws_sdk_ssm::Client::new(&at(&aws, endpoints.ssm.as_ref()));
    let dynamodb = aws_sdk_dynamodb::Client::new(&at(&aws, endpoints.dynamodb.as_ref()));
    let bucket = config.bucket.as_ref().map(|bucket| (s3, bucket));
    let source = match (&config.vault.token, &bucket) {
        _ if config.vault.login.is_some() => TokenSource::Login(identity_of(&aws, &config)?),
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
    let parameters = parameters::ParameterStore::new(ssm);
    let states = bucket.map(|(s3, bucket)| state::StateObjects::new(s3, bucket));
    let session = VaultSession::new(
        vault::VaultServer::new(&config.vault)?,
        source,
        config.token_refresh_threshold_hours,
        config.vault_calls_per_second,
    );
    let roster = config
        .roster_table
        .clone()
        .map(|table| roster::RosterTable::new(dynamodb, table));
    let ctx = Context::new(config, parameters, states, session, roster, document);
    Ok((ctx, aws))
}

/// Returns the identity that logs in to Vault.
fn identity_of(aws: &SdkConfig, config: &Config) -> Result<identity::AwsIdentity, Error> {
    let login = config.vault.login.clone().expect("a login is configured");
    let region = login.region.clone().or_else(|| config.region.clone());
    let region = region.ok_or_else(|| {
        let problem = "is not set, and neither is AWS_REGION; expected the Region of STS";
        Error::misconfigured("VAULT_AUTH_AWS_REGION", problem)
    })?;
    Ok(identity::AwsIdentity::new(
        aws.credentials_provider(),
        login,
        region,
    ))
}

/// Loads the authorities of the system where none are given.
fn with_authorities(mut config: Config) -> Result<Config, Error> {
    let (vault, aws) = (&mut config.vault.authorities, &mut config.aws.authorities);
    if vault.is_none() || aws.is_none() {
        let system = Authorities::of_system()?;
        vault.get_or_insert_with(|| system.clone());
        aws.get_or_insert(system);
    }
    Ok(config)
}

/// Returns the configuration of one service, with its own endpoint if it has one.
pub fn at(aws: &SdkConfig, endpoint: Option<&String>) -> SdkConfig {
    match endpoint {
        None => aws.clone(),
        Some(endpoint) => {
            let mut aws = aws.to_builder().endpoint_url(endpoint);
            // Without an origin, an endpoint of the AWS profile takes precedence.
            aws.insert_origin("endpoint_url", Origin::shared_config());
            aws.build()
        }
    }
}
