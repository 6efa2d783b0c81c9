//! One request type for all calls, and their execution.

use std::marker::PhantomData;

use rustify::endpoint::{Endpoint, EndpointResult};
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vaultrs::api::{AuthInfo, EndpointError, EndpointResult as Envelope};
use vaultrs::error::ClientError as VaultError;

use super::client::Client;

/// A request whose response is an `R`.
///
/// It is neither `Debug` nor made of a `serde_json::Value`, because a body can hold a secret.
pub(super) struct Request<R> {
    method: RequestMethod,
    path: String,
    query: Option<&'static str>,
    body: Option<Vec<u8>>,
    response: PhantomData<fn() -> R>,
}

impl<R> Request<R> {
    /// Creates a request without a query and a body. The path is relative to `v1/`.
    pub(super) fn new(method: RequestMethod, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: None,
            body: None,
            response: PhantomData,
        }
    }

    /// Creates a POST request with a JSON body.
    pub(super) fn post(path: impl Into<String>, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("the bodies hold only text");
        Self {
            body: Some(body),
            ..Self::new(RequestMethod::POST, path)
        }
    }

    /// Adds a query.
    pub(super) fn with_query(self, query: &'static str) -> Self {
        Self {
            query: Some(query),
            ..self
        }
    }
}

impl<R: DeserializeOwned + Send + Sync> Endpoint for Request<R> {
    type Response = R;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        self.method.clone()
    }

    fn query(&self) -> Result<Option<String>, ClientError> {
        Ok(self.query.map(str::to_owned))
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self.body.clone())
    }
}

/// Executes a request, and returns the `data` of the response.
pub(super) async fn exec_with_result<R: DeserializeOwned + Send + Sync>(
    client: &Client,
    request: Request<R>,
) -> Result<R, VaultError> {
    let envelope: Envelope<R> = exec(client, request).await?.wrap()?;
    envelope.data.ok_or(VaultError::ResponseDataEmptyError)
}

/// Executes a request whose response has no envelope.
pub(super) async fn exec_with_no_result<R: DeserializeOwned + Send + Sync>(
    client: &Client,
    request: Request<R>,
) -> Result<R, VaultError> {
    Ok(exec(client, request).await?.parse()?)
}

/// Executes a request, and ignores the body of the response.
pub(super) async fn exec_with_empty(
    client: &Client,
    request: Request<()>,
) -> Result<(), VaultError> {
    exec(client, request).await.map(drop)
}

/// Executes a request, and returns the `auth` of the response.
pub(super) async fn auth(client: &Client, request: Request<()>) -> Result<AuthInfo, VaultError> {
    let envelope: Envelope<()> = exec(client, request).await?.wrap()?;
    envelope.auth.ok_or(VaultError::ResponseEmptyError)
}

async fn exec<R: DeserializeOwned + Send + Sync>(
    client: &Client,
    request: Request<R>,
) -> Result<EndpointResult<R>, VaultError> {
    let request = request.with_middleware(&client.middle);
    request
        .exec(&client.http)
        .await
        .map_err(|error| match &error {
            ClientError::ServerResponseError {
                code,
                content: Some(content),
            } => match serde_json::from_str::<EndpointError>(content) {
                Ok(EndpointError { errors }) => VaultError::APIError {
                    code: *code,
                    errors,
                },
                Err(_) => error.into(),
            },
            _ => error.into(),
        })
}
