//! The HTTP client for a Vault server. It has time limits and size limits, follows no redirect,
//! and reads nothing from the environment.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::request::{ErrorResponse, Failure, Request};
use crate::config::{Authorities, VaultConfig};
use crate::error::Error;
use crate::keys::VaultPath;

/// How long sent bytes may stay unacknowledged. A Lambda function's connections freeze with it, for
/// days perhaps, and a firewall may drop them. This limit detects that before the time limit of the
/// request, and early enough for a retry.
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(2);

/// The time limit for a connection.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest `Retry-After` that is honoured. A longer one is asked again after this time.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// A Vault server.
pub struct VaultServer {
    http: reqwest::Client,
    pub(super) address: reqwest::Url,
    pub(super) namespace: Option<String>,
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
            let variable = config.authorities.as_ref().and_then(Authorities::variable);
            let problem = "holds a certificate that is not that of a CA";
            Error::misconfigured(variable.unwrap_or("VAULT_CACERT"), problem)
        })?;
        Ok(Self {
            http,
            address: config.address.clone(),
            namespace: config.namespace.clone(),
        })
    }

    /// Returns a client for the namespace of a secret.
    pub(super) fn client_of<'a>(
        &'a self,
        token: &'a SecretString,
        path: &'a VaultPath,
    ) -> Client<'a> {
        self.client_in(token, path.namespace.as_deref())
    }

    /// Returns a client for a namespace.
    pub(super) fn client_in<'a>(
        &'a self,
        token: &'a SecretString,
        namespace: Option<&'a str>,
    ) -> Client<'a> {
        Client {
            namespace,
            ..self.client(token)
        }
    }

    /// Returns a client that sends `token`; an empty one is left out.
    pub(super) fn client<'a>(&'a self, token: &'a SecretString) -> Client<'a> {
        Client {
            server: self,
            token,
            namespace: self.namespace.as_deref(),
        }
    }
}

/// A server, with the token and the namespace of a request.
pub(super) struct Client<'a> {
    server: &'a VaultServer,
    token: &'a SecretString,
    namespace: Option<&'a str>,
}

impl Client<'_> {
    /// Returns the same client for the root namespace.
    pub(super) fn in_root_namespace(self) -> Self {
        Self {
            namespace: None,
            ..self
        }
    }

    /// Sends a request and returns the member `data` of the response.
    pub(super) async fn data<R: DeserializeOwned>(
        &self,
        request: Request<R>,
    ) -> Result<R, Failure> {
        #[derive(Deserialize)]
        struct Response<R> {
            data: R,
        }
        parse::<Response<R>>(&self.send(request).await?).map(|response| response.data)
    }

    /// Sends a request and returns the response itself.
    pub(super) async fn response<R: DeserializeOwned>(
        &self,
        request: Request<R>,
    ) -> Result<R, Failure> {
        parse(&self.send(request).await?)
    }

    /// Sends a request that Vault answers without data. A body of another form is not Vault's.
    pub(super) async fn done<R>(&self, request: Request<R>) -> Result<(), Failure> {
        #[derive(Deserialize)]
        struct Response {
            #[serde(rename = "request_id")]
            _request_id: String,
        }
        match self.send(request).await? {
            (_, body) if body.is_empty() => Ok(()),
            answer => parse::<Response>(&answer).map(|_| ()),
        }
    }

    /// Sends a request whose response needs no content. Returns the body, which may be a secret.
    pub(super) async fn send<R>(
        &self,
        request: Request<R>,
    ) -> Result<(u16, Zeroizing<Vec<u8>>), Failure> {
        let mut url = self.server.address.clone();
        url.path_segments_mut()
            .expect("the address is http or https")
            .push("v1")
            .extend(request.path.split('/'));
        url.set_query(request.query);
        let mut http = self.server.http.request(request.method, url);
        for (name, value) in [
            ("x-vault-request", Some("true")),
            (
                "x-vault-token",
                Some(self.token.expose_secret()).filter(|token| !token.is_empty()),
            ),
            ("x-vault-namespace", self.namespace),
            ("content-type", request.content_type),
        ] {
            let Some(value) = value else { continue };
            let mut value = HeaderValue::from_str(value).map_err(|_| Failure::Header)?;
            value.set_sensitive(true);
            http = http.header(HeaderName::from_static(name), value);
        }
        if let Some(body) = request.body {
            http = http.body(body);
        }
        let response = http.send().await.map_err(Failure::Connection)?;
        let code = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| wait_of(value.to_str().ok()?));
        let body = read_body(response, request.max_size).await?;
        if (200..300).contains(&code) {
            Ok((code, body))
        } else {
            let body = body.to_vec();
            let response = ErrorResponse::new(code, body);
            Err(Failure::Status(ErrorResponse {
                retry_after,
                ..response
            }))
        }
    }
}

fn parse<R: DeserializeOwned>((code, body): &(u16, Zeroizing<Vec<u8>>)) -> Result<R, Failure> {
    if body.is_empty() {
        return Err(Failure::Empty(*code));
    }
    serde_json::from_slice(body).map_err(|_| Failure::Malformed)
}

/// Reads a body of at most `max_size` bytes, whatever length it announces.
async fn read_body(
    mut response: reqwest::Response,
    max_size: usize,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let announced = response.content_length().unwrap_or_default();
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > max_size {
        return Err(Failure::TooLarge(max_size));
    }
    // Room for all of it from the beginning, so that growing leaves no copy of a secret behind.
    let mut body = Zeroizing::new(Vec::with_capacity(announced));
    while let Some(chunk) = response.chunk().await.map_err(Failure::Incomplete)? {
        if body.len() + chunk.len() > max_size {
            return Err(Failure::TooLarge(max_size));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Returns the wait that a `Retry-After` states, in seconds or as a time.
fn wait_of(value: &str) -> Option<Duration> {
    let wait = if let Ok(seconds) = value.trim().parse() {
        Duration::from_secs(seconds)
    } else {
        let time = rfc2822::parse(value).ok()?.timestamp();
        let wait = time.duration_since(Timestamp::now());
        wait.try_into().unwrap_or_default()
    };
    Some(wait.min(MAX_WAIT))
}

#[cfg(test)]
mod tests;
