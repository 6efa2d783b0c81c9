//! The HTTP client for a Vault server, and the clients of single calls that share its connections.

use std::pin::Pin;
use std::time::Duration;

use http::{Request, Response};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use rustify::errors::ClientError;
use secrecy::{ExposeSecret, SecretString};
use vaultrs::api::EndpointMiddleware;

use crate::config::VaultConfig;
use crate::error::Error;

/// How long sent bytes may stay unacknowledged. A Lambda function's connections freeze with it, for
/// days perhaps, and a firewall may drop them. This limit detects that before the time limit of the
/// request, and early enough for a retry.
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(2);

/// The time limit for a connection.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A Vault server.
pub struct VaultServer {
    http: reqwest::Client,
    pub(super) address: reqwest::Url,
    namespace: Option<String>,
}

impl std::fmt::Debug for VaultServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VaultServer")
            .field("address", &self.address.as_str())
            .finish_non_exhaustive()
    }
}

impl VaultServer {
    /// Creates a client for the configured server. Sends nothing yet.
    ///
    /// # Errors
    /// [`Error::BadConfiguration`] if TLS cannot be set up with the given CA certificates.
    pub fn new(config: &VaultConfig) -> Result<Self, Error> {
        let builder = reqwest::Client::builder()
            .tls_backend_rustls()
            .https_only(config.address.scheme() == "https")
            .redirect(Policy::none())
            .no_proxy()
            .tcp_user_timeout(ACKNOWLEDGE_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT);
        // Without TLS no authority is needed.
        let authorities = match &config.authorities {
            Some(authorities) if config.address.scheme() == "https" => authorities
                .certificates()
                .map(reqwest::Certificate::from_der)
                .collect::<Result<Vec<_>, _>>(),
            _ => Ok(Vec::new()),
        };
        let http = authorities.and_then(|trusted| builder.tls_certs_only(trusted).build());
        let http = http.map_err(|_| {
            let problem = "(or VAULT_CACERT_BYTES) holds a certificate that is not that of a CA";
            Error::misconfigured("VAULT_CACERT", problem)
        })?;
        Ok(Self {
            http,
            address: config.address.clone(),
            namespace: config.namespace.clone(),
        })
    }

    /// Creates a client that sends `token`. It is cheap, because connections are shared.
    pub(super) fn client(&self, token: &SecretString) -> Client {
        let middle = EndpointMiddleware {
            token: token.expose_secret().to_owned(),
            version: "v1".to_owned(),
            wrap: None,
            namespace: self.namespace.clone(),
        };
        let http = Http {
            client: self.http.clone(),
            base: self.address.to_string(),
        };
        Client { http, middle }
    }
}

/// The client of one call.
pub(super) struct Client {
    pub(super) http: Http,
    pub(super) middle: EndpointMiddleware,
}

/// Sends requests. rustify's own client drops the header `Retry-After`.
pub(super) struct Http {
    client: reqwest::Client,
    base: String,
}

/// The server limits the rate of requests.
#[derive(Debug, thiserror::Error)]
#[error("the server returned {status}")]
pub(super) struct RateLimited {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
}

impl Http {
    async fn execute(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        let (url, method) = (request.uri().to_string(), request.method().to_string());
        let request = reqwest::Request::try_from(request)
            .map_err(|source| ClientError::ReqwestBuildError { source })?;
        let failed = |source| ClientError::RequestError {
            source,
            url,
            method,
        };
        let response = match self.client.execute(request).await {
            Ok(response) => response,
            Err(error) => return Err(failed(error.into())),
        };
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| wait_of(value.to_str().ok()?));
        if status == StatusCode::TOO_MANY_REQUESTS
            || (status == StatusCode::SERVICE_UNAVAILABLE && retry_after.is_some())
        {
            let status = status.as_u16();
            return Err(failed(
                RateLimited {
                    status,
                    retry_after,
                }
                .into(),
            ));
        }
        let broken = |source| ClientError::ResponseError { source };
        let body = response
            .bytes()
            .await
            .map_err(|error| broken(error.into()))?;
        let response = Response::builder().status(status).body(body.to_vec());
        response.map_err(|error| broken(error.into()))
    }
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, ClientError>> + Send + 'a>>;

impl rustify::client::Client for Http {
    fn send<'a, 'b>(&'a self, request: Request<Vec<u8>>) -> Sent<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.execute(request))
    }

    fn base(&self) -> &str {
        &self.base
    }
}

/// Returns the wait that a `Retry-After` states, in seconds or as a time.
fn wait_of(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = rfc2822::parse(value).ok()?.timestamp();
    Some(
        time.duration_since(Timestamp::now())
            .try_into()
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_time() {
        for (value, expected) in [
            ("0", Some(0)),
            (" 7 ", Some(7)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(wait_of(value), expected.map(Duration::from_secs), "{value}");
        }
        let later = Timestamp::now() + Duration::from_mins(1);
        let later = later.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let wait = wait_of(&later).unwrap();
        assert!((58..=60).contains(&wait.as_secs()), "{wait:?}");
    }
}
