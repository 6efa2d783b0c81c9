//! The settings of the AWS profile, and the credential sources of the AWS CLI: shared files, SSO,
//! login sessions, `credential_process`, web identity, and the roles of containers and hosts.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use aws_config::meta::ProviderChainError;
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

/// The variables that name files of credential sources. The AWS SDK ignores those it cannot read,
/// or does not name them.
const FILES: [&str; 4] = [
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// Completes the given settings with those of the AWS profile.
///
/// # Errors
/// [`Error::BadConfiguration`] if the profile has an invalid setting.
pub(super) async fn complete(given: SdkConfig, aws: &AwsConfig) -> Result<SdkConfig, Error> {
    let variables = aws
        .variables
        .iter()
        .map(|(name, value)| (*name, value.expose_secret()));
    let mut settings = aws_config::from_env()
        .env(Env::from_slice(&variables.collect::<Vec<_>>()))
        .http_client(given.http_client().expect("it is given"))
        .retry_config(given.retry_config().expect("they are given").clone())
        .timeout_config(given.timeout_config().expect("they are given").clone());
    if let Some(region) = given.region() {
        settings = settings.region(region.clone());
    }
    if let Some(endpoint) = given.endpoint_url() {
        settings = settings.endpoint_url(endpoint);
    }
    if let Some(use_fips) = given.use_fips() {
        settings = settings.use_fips(use_fips);
    }
    if let Some(use_dual_stack) = given.use_dual_stack() {
        settings = settings.use_dual_stack(use_dual_stack);
    }
    if let Some(credentials) = given.credentials_provider() {
        settings = settings.credentials_provider(credentials);
    }
    let loaded = settings.load().await;
    check(&loaded)?;
    let is_given = given.credentials_provider().is_some();
    let (Some(source), false) = (loaded.credentials_provider(), is_given) else {
        return Ok(loaded);
    };
    let first = load(&source)
        .await
        .map_err(|missing| missing.with_files(aws));
    let first = Mutex::new(first);
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
    first: Mutex<Result<Credentials, Unavailable>>,
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
            first.clone().map_err(|unavailable| match unavailable {
                Unavailable::NotConfigured => CredentialsError::not_loaded_no_source(),
                Unavailable::Failed(reason) => CredentialsError::provider_error(reason),
            })
        })
    }
}

fn is_outdated(credentials: &Credentials) -> bool {
    let replace_at = SystemTime::now() + EXPIRY_RESERVE;
    credentials
        .expiry()
        .is_some_and(|expiry| expiry < replace_at)
}

/// Why there are no credentials.
#[derive(Clone, Debug)]
enum Unavailable {
    /// No source is configured.
    NotConfigured,
    /// A source failed, for this reason.
    Failed(String),
}

impl Unavailable {
    /// Adds what is wrong with the profile and the files that the environment names.
    fn with_files(self, aws: &AwsConfig) -> Self {
        let value = |name| {
            let variable = aws.variables.iter().find(|(known, _)| *known == name);
            variable.map(|(_, value)| value.expose_secret())
        };
        let unreadable = FILES.into_iter().filter_map(|name| {
            let error = std::fs::File::open(value(name)?).err()?;
            Some(format!("{name} cannot be read ({error})"))
        });
        let mut reasons = unreadable.collect::<Vec<_>>();
        match (self, value("AWS_PROFILE")) {
            (Self::Failed(reason), _) => reasons.insert(0, reason),
            (Self::NotConfigured, Some(profile)) => {
                let problem = "names a profile without credentials";
                reasons.insert(0, format!("AWS_PROFILE {problem} ({profile})"));
            }
            (Self::NotConfigured, None) if reasons.is_empty() => return Self::NotConfigured,
            (Self::NotConfigured, None) => {}
        }
        Self::Failed(reasons.join("; "))
    }
}

/// Asks the source.
async fn load(source: &SharedCredentialsProvider) -> Result<Credentials, Unavailable> {
    let limit = tokio::time::timeout(TIME_LIMIT, source.provide_credentials());
    limit
        .await
        .map_err(|_| {
            let limit = TIME_LIMIT.as_secs();
            Unavailable::Failed(format!("their source did not respond within {limit} s"))
        })?
        .map_err(|error| match &error {
            CredentialsError::CredentialsNotLoaded(_) => of_profile(&error)
                .map_or(Unavailable::NotConfigured, |error| {
                    Unavailable::Failed(reason(error))
                }),
            _ => Unavailable::Failed(reason(&error)),
        })
}

/// Returns what is wrong with the profile, of all sources that have no credentials. The others are
/// not configured.
fn of_profile(error: &CredentialsError) -> Option<&CredentialsError> {
    let attempts = error
        .source()?
        .downcast_ref::<ProviderChainError<CredentialsError>>()?;
    let mut attempts = attempts.attempts().iter();
    let profile = attempts.find(|attempt| attempt.name() == "Profile")?;
    profile.error().source().map(|_| profile.error())
}

/// The remedy for a failed source: a word of its reason, and what to do.
const REMEDIES: [(&str, &str); 4] = [
    ("SSO", "run `aws sso login` for the profile"),
    ("/login/cache/", "run `aws login` for the profile"),
    (
        "external process",
        "run the credential_process of the profile, and repair it",
    ),
    (
        "was not defined",
        "check AWS_PROFILE and the shared AWS files",
    ),
];

/// Returns the messages of an error's causes, without repetitions, and the remedy.
fn reason(error: &CredentialsError) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    let reason = texts.join(": ").replace('\n', " ");
    let remedy = REMEDIES.iter().find(|(word, _)| reason.contains(word));
    match remedy {
        Some((_, remedy)) => format!("{}; {remedy}", reason.trim()),
        None => reason,
    }
}
