//! The settings of the AWS profile, and the credential sources of the AWS CLI: shared files, SSO,
//! login sessions, `credential_process`, web identity, and the roles of containers and hosts.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_sdk_ssm::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_types::SdkConfig;
use aws_types::os_shim_internal::Env;
use aws_types::service_config::ServiceConfigKey;
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use crate::config::{AwsConfig, NO_REGION, aws_endpoint, is_region};
use crate::error::Error;

/// The time limit of a credential source. It may ask a person for a second factor.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// Credentials with less time left than this are replaced.
const EXPIRY_RESERVE: Duration = Duration::from_mins(2);

/// Completes the given settings with those of the AWS profile.
///
/// # Errors
/// [`Error::BadConfiguration`] if the profile has an invalid setting.
pub(super) async fn complete(given: SdkConfig, aws: &AwsConfig) -> Result<SdkConfig, Error> {
    let variables = aws
        .variables
        .iter()
        .map(|(name, value)| (*name, value.expose_secret()));
    let mut loader = aws_config::from_env()
        .env(Env::from_slice(&variables.collect::<Vec<_>>()))
        .http_client(given.http_client().expect("it is given"))
        .retry_config(given.retry_config().expect("they are given").clone())
        .timeout_config(given.timeout_config().expect("they are given").clone());
    if let Some(region) = given.region() {
        loader = loader.region(region.clone());
    }
    if let Some(endpoint) = given.endpoint_url() {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(use_fips) = given.use_fips() {
        loader = loader.use_fips(use_fips);
    }
    if let Some(use_dual_stack) = given.use_dual_stack() {
        loader = loader.use_dual_stack(use_dual_stack);
    }
    if let Some(credentials) = given.credentials_provider() {
        loader = loader.credentials_provider(credentials);
    }
    let loaded = loader.load().await;
    check(&loaded)?;
    let is_given = given.credentials_provider().is_some();
    let (Some(source), false) = (loaded.credentials_provider(), is_given) else {
        return Ok(loaded);
    };
    let first = Mutex::new(load(&source).await);
    let provider = SharedCredentialsProvider::new(Preloaded { source, first });
    Ok(loaded.into_builder().credentials_provider(provider).build())
}

/// Checks what the profile adds to the settings that were checked before.
fn check(loaded: &SdkConfig) -> Result<(), Error> {
    let of_profile =
        |problem: &str| Error::misconfigured("AWS_PROFILE", &format!("names a profile {problem}"));
    if let Some(region) = loaded.region()
        && !is_region(region.as_ref())
    {
        return Err(of_profile(&format!("whose region {NO_REGION}")));
    }
    let services = ["SSM", "S3", "DynamoDB"].map(|service| {
        let key = ServiceConfigKey::builder()
            .service_id(service)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .expect("all parts are given");
        loaded.service_config()?.load_config(key)
    });
    let all = loaded.endpoint_url().map(str::to_owned);
    for endpoint in services.into_iter().flatten().chain(all) {
        aws_endpoint(&endpoint)
            .map_err(|problem| of_profile(&format!("whose endpoint_url {problem}")))?;
    }
    Ok(())
}

/// A credential source that was asked before the first call, because it can take longer than the
/// time limit of a call.
#[derive(Debug)]
struct Preloaded {
    source: SharedCredentialsProvider,
    first: Mutex<Result<Credentials, String>>,
}

impl ProvideCredentials for Preloaded {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::new(async {
            let mut first = self.first.lock().await;
            if first.as_ref().is_ok_and(is_outdated) {
                *first = load(&self.source).await;
            }
            first.clone().map_err(CredentialsError::provider_error)
        })
    }
}

fn is_outdated(credentials: &Credentials) -> bool {
    let replace_at = SystemTime::now() + EXPIRY_RESERVE;
    credentials
        .expiry()
        .is_some_and(|expiry| expiry < replace_at)
}

/// Asks the source. An error is all that the source gives as its reason.
async fn load(source: &SharedCredentialsProvider) -> Result<Credentials, String> {
    let limit = tokio::time::timeout(TIME_LIMIT, source.provide_credentials());
    match limit.await {
        Ok(Ok(credentials)) => Ok(credentials),
        Ok(Err(error)) => Err(reason(&error)),
        Err(_) => Err(format!(
            "the credential source did not respond within {} s",
            TIME_LIMIT.as_secs()
        )),
    }
}

/// Returns the messages of an error and its causes, without repetitions.
fn reason(error: &CredentialsError) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts.join(": ")
}
