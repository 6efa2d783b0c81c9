//! The settings of the AWS SDK. All of them are explicit: the SDK's own reading of the environment
//! takes empty values and white space as they are.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_ssm::config::retry::RetryConfig;
use aws_sdk_ssm::config::timeout::TimeoutConfig;
use aws_sdk_ssm::config::{BehaviorVersion, Region, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_types::SdkConfig;
use secrecy::ExposeSecret;

use crate::config::{Authorities, AwsCredentials, Config};
use crate::error::Error;

/// The longest pause before the second attempt of an AWS call; it doubles with each attempt. Four
/// attempts then end within four seconds, so that two calls in a row stay below their time limit.
const BACKOFF: Duration = Duration::from_millis(500);

/// Returns the settings for all AWS services.
///
/// # Errors
/// [`Error::BadConfiguration`] if the AWS profile has an invalid setting.
pub(super) async fn sdk_config(config: &Config) -> Result<SdkConfig, Error> {
    let aws = &config.aws;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(4))
        .operation_timeout(Duration::from_secs(10))
        .build();
    let mut given = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(config))
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(4)
                .with_initial_backoff(BACKOFF),
        )
        .timeout_config(timeouts)
        .region(config.region.clone().map(Region::new));
    given
        .set_endpoint_url(aws.endpoints.all.clone())
        .set_use_fips(aws.use_fips)
        .set_use_dual_stack(aws.use_dual_stack)
        .set_credentials_provider(aws.credentials.as_ref().map(credentials));
    let given = given.build();
    #[cfg(feature = "cli")]
    let given = super::profile::complete(given, aws).await?;
    Ok(given)
}

fn credentials(given: &AwsCredentials) -> SharedCredentialsProvider {
    let token = given.session_token.as_ref();
    let token = token.map(|token| token.expose_secret().to_owned());
    let secret = given.secret.expose_secret();
    SharedCredentialsProvider::new(Credentials::new(
        &given.id,
        secret,
        token,
        None,
        "environment",
    ))
}

/// Returns an HTTP client that trusts the configured authorities only. All services share it.
fn http_client(config: &Config) -> SharedHttpClient {
    let trusted = config.aws.authorities.as_ref();
    let trusted = trusted.map_or_else(String::new, Authorities::to_pem);
    let trusted = TrustStore::empty().with_pem_certificate(trusted);
    let tls = TlsContext::builder().with_trust_store(trusted).build();
    let tls = tls.expect("the certificates were checked when they were read");
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = ConnectorBuilder::default()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls.clone())
            .proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.build()
    })
}
