//! Vault examined: its health, a token's capabilities, and the exchange of a wrapping token.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::Timestamp;
use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError as HttpError;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use vaultrs::error::ClientError;
use zeroize::Zeroizing;

use super::{VaultServer, answers};
use crate::backends::diagnostics::{Credentials, Health, Mount, Server, ServerState, Wrapping};
use crate::error::Error;

/// A call with a body, or a question without one, whose answer is `R`.
struct Ask<R> {
    path: Cow<'static, str>,
    query: Option<&'static str>,
    body: Option<Value>,
    answer: std::marker::PhantomData<fn() -> R>,
}

impl<R> Ask<R> {
    fn post(path: &'static str, body: Value) -> Self {
        Self {
            path: path.into(),
            query: None,
            body: Some(body),
            answer: std::marker::PhantomData,
        }
    }

    fn question(path: impl Into<Cow<'static, str>>, query: Option<&'static str>) -> Self {
        Self {
            path: path.into(),
            query,
            body: None,
            answer: std::marker::PhantomData,
        }
    }
}

impl<R: serde::de::DeserializeOwned + Send + Sync> Endpoint for Ask<R> {
    type Response = R;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone().into_owned()
    }

    fn method(&self) -> RequestMethod {
        if self.body.is_some() {
            RequestMethod::POST
        } else {
            RequestMethod::GET
        }
    }

    fn query(&self) -> Result<Option<String>, HttpError> {
        Ok(self.query.map(str::to_owned))
    }

    fn body(&self) -> Result<Option<Vec<u8>>, HttpError> {
        Ok(self.body.as_ref().map(|body| body.to_string().into_bytes()))
    }
}

/// Makes every state a 200, whose body tells it
/// (<https://developer.hashicorp.com/vault/api-docs/system/health>).
const EVERY_STATE: &str = "standbycode=200&performancestandbycode=200&drsecondarycode=200&haunhealthycode=200\
    &sealedcode=200&uninitcode=200";

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "as Vault answers")]
struct HealthAnswer {
    initialized: bool,
    sealed: bool,
    #[serde(default)]
    standby: bool,
    #[serde(default)]
    performance_standby: bool,
    #[serde(default)]
    replication_dr_mode: String,
    #[serde(default)]
    server_time_utc: Option<i64>,
    #[serde(default)]
    version: String,
}

impl Server for VaultServer {
    async fn health(&self) -> Result<Health, Error> {
        let mut client = self.client(&SecretString::default());
        // A namespace has no health of its own.
        client.middle.namespace = None;
        let ask = Ask::<HealthAnswer>::question("sys/health", Some(EVERY_STATE));
        let answer = vaultrs::api::exec_with_no_result(&client, ask)
            .await
            .map_err(|error| {
                answers::error(
                    "asking for the health of Vault at",
                    &self.address,
                    "let sys/health through",
                    &error,
                )
            })?;
        let condition = match &answer {
            HealthAnswer {
                initialized: false, ..
            } => ServerState::NotInitialized,
            HealthAnswer { sealed: true, .. } => ServerState::Sealed,
            HealthAnswer {
                replication_dr_mode,
                ..
            } if replication_dr_mode == "secondary" => ServerState::Recovery,
            HealthAnswer { standby: true, .. }
            | HealthAnswer {
                performance_standby: true,
                ..
            } => ServerState::Standby,
            HealthAnswer { .. } => ServerState::Active,
        };
        Ok(Health {
            condition,
            version: answer.version,
            clock: answer
                .server_time_utc
                .and_then(|seconds| Timestamp::from_second(seconds).ok()),
        })
    }
}

#[derive(Deserialize)]
struct Unwrapped {
    auth: Option<Login>,
}

#[derive(Deserialize)]
struct Login {
    client_token: SecretString,
}

impl Credentials for VaultServer {
    async fn capabilities(
        &self,
        token: &SecretString,
        paths: &[String],
    ) -> Result<HashMap<String, Vec<String>>, Error> {
        // The answer holds a list for each path, and nothing else but lists.
        let ask = Ask::<HashMap<String, Vec<String>>>::post(
            "sys/capabilities-self",
            json!({ "paths": paths }),
        );
        vaultrs::api::exec_with_result(&self.client(token), ask)
            .await
            .map_err(|error| {
                let remedy = "allow update on sys/capabilities-self, as the policy default does";
                answers::error(
                    "asking for the token's capabilities at",
                    &self.address,
                    remedy,
                    &error,
                )
            })
    }

    async fn mount(&self, token: &SecretString, path: &str) -> Result<Mount, Error> {
        #[derive(Deserialize)]
        struct Answer {
            r#type: String,
            #[serde(default)]
            options: Option<HashMap<String, String>>,
        }
        // The one that people's interfaces ask: `sys/mounts` is for administrators.
        let ask = Ask::<Answer>::question(format!("sys/internal/ui/mounts/{path}"), None);
        let answer = vaultrs::api::exec_with_result(&self.client(token), ask).await.map_err(|error| {
            let remedy =
                "let VAULT_MOUNT name a mount that is there (in VAULT_NAMESPACE), and the policy paths below it";
            answers::error("asking what is mounted at", &path, remedy, &error)
        })?;
        let version = answer
            .options
            .and_then(|mut options| options.remove("version"));
        Ok(Mount {
            engine: answer.r#type,
            version,
        })
    }

    async fn wrapping(&self, candidate: &SecretString) -> Result<Option<Wrapping>, Error> {
        #[derive(Deserialize)]
        struct Answer {
            creation_path: String,
        }
        // Without the header: a wrapping token is used up by whatever it authorizes.
        let client = self.client(&SecretString::default());
        let ask = Ask::<Answer>::post(
            "sys/wrapping/lookup",
            json!({ "token": candidate.expose_secret() }),
        );
        match vaultrs::api::exec_with_result(&client, ask).await {
            Ok(Answer { creation_path }) => Ok(Some(Wrapping { creation_path })),
            // The same answer for any other token, for one that is used up, and for nonsense.
            Err(ClientError::APIError {
                code: 400 | 404, ..
            }) => Ok(None),
            Err(error) => {
                let remedy = "allow update on sys/wrapping/lookup, as the policy default does";
                Err(answers::error(
                    "asking what the token wraps at",
                    &self.address,
                    remedy,
                    &error,
                ))
            }
        }
    }

    async fn unwrap(&self, wrapping: &SecretString) -> Result<Option<SecretString>, Error> {
        const OPERATION: &str = "unwrapping the token at";
        let client = self.client(wrapping);
        let ask = Ask::<Unwrapped>::post("sys/wrapping/unwrap", json!({}));
        // Not through vaultrs, whose answer would hold the token in the open.
        let answer = ask
            .with_middleware(&client.middle)
            .exec(&client.http)
            .await
            .map_err(|error| {
                let remedy = "it is used up or expired: make and wrap a new token";
                match error {
                    HttpError::ServerResponseError { code: 400, .. } => Error::Denied {
                        operation: OPERATION,
                        subject: self.address.to_string(),
                        remedy,
                    },
                    error => answers::error(OPERATION, &self.address, remedy, &error.into()),
                }
            })?;
        let text = Zeroizing::new(answer.response.into_body());
        let unwrapped = serde_json::from_slice::<Unwrapped>(&text).map_err(|_| {
            answers::unexpected(
                OPERATION,
                &self.address,
                "answered in a form that is not Vault's",
            )
        })?;
        Ok(unwrapped.auth.map(|auth| auth.client_token))
    }

    async fn revoke(&self, token: &SecretString) -> Result<(), Error> {
        let ask = Ask::<()>::post("auth/token/revoke-self", json!({}));
        vaultrs::api::exec_with_empty(&self.client(token), ask)
            .await
            .map_err(|error| {
                let remedy = "allow update on auth/token/revoke-self, as the policy default does";
                answers::error("revoking the token at", &self.address, remedy, &error)
            })
    }
}
