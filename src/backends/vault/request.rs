//! One request type for all calls that vaultrs lacks.

use std::marker::PhantomData;

use http::header::{CONTENT_TYPE, HeaderValue};
use rustify::endpoint::{Endpoint, MiddleWare};
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vaultrs::api::EndpointMiddleware;
use vaultrs::client::VaultClient;

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
        Self::new(RequestMethod::POST, path).with_body(body)
    }

    /// Adds a JSON body.
    fn with_body(self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("the bodies hold only text and numbers");
        Self {
            body: Some(body),
            ..self
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

/// Sends a JSON merge patch (RFC 7396) and returns the body of the response, which is empty for some
/// paths. vaultrs cannot send one, because Vault requires its content type.
pub(super) async fn merge_patch(
    client: &VaultClient,
    path: String,
    body: &impl Serialize,
) -> Result<Vec<u8>, ClientError> {
    let request = Request::<()>::new(RequestMethod::PATCH, path).with_body(body);
    let middleware = MergePatch(&client.middle);
    let endpoint = request.with_middleware(&middleware);
    let result = endpoint.exec(&client.http).await?;
    Ok(result.response.into_body())
}

/// Adds the content type of a merge patch.
struct MergePatch<'a>(&'a EndpointMiddleware);

impl MiddleWare for MergePatch<'_> {
    fn request<E: Endpoint>(
        &self,
        endpoint: &E,
        request: &mut http::Request<Vec<u8>>,
    ) -> Result<(), ClientError> {
        self.0.request(endpoint, request)?;
        let content_type = HeaderValue::from_static("application/merge-patch+json");
        request.headers_mut().insert(CONTENT_TYPE, content_type);
        Ok(())
    }

    fn response<E: Endpoint>(
        &self,
        endpoint: &E,
        response: &mut http::Response<Vec<u8>>,
    ) -> Result<(), ClientError> {
        self.0.response(endpoint, response)
    }
}
