//! One request type for all calls that vaultrs lacks.

use std::marker::PhantomData;

use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::Serialize;
use serde::de::DeserializeOwned;

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
