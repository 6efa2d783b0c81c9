//! The HTTP client for a Vault server, and the vaultrs clients that share its connections.

use std::time::Duration;

use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use vaultrs::api::EndpointMiddleware;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};

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

    /// Creates a vaultrs client that sends `token`. It is cheap, because connections are shared.
    pub(super) fn client(&self, token: &SecretString) -> VaultClient {
        // All fields are set, because the builder reads the others from the environment.
        let settings = VaultClientSettingsBuilder::default()
            .address(self.address.as_str())
            .ca_certs(Vec::new())
            .identity(None)
            .token("")
            .verify(true)
            .namespace(self.namespace.clone())
            .build()
            .expect("the address was checked and every other field is given");
        let middle = EndpointMiddleware {
            token: token.expose_secret().to_owned(),
            version: "v1".to_owned(),
            wrap: None,
            namespace: self.namespace.clone(),
        };
        let http = rustify::clients::reqwest::Client::new(self.address.as_str(), self.http.clone());
        VaultClient {
            http,
            middle,
            settings,
        }
    }
}
