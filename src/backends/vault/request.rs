//! Requests to Vault, and how they fail.

use std::marker::PhantomData;
use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};

/// The size limit of a response. A response about one secret or one token is far below it.
const MAX_SIZE: usize = 1024 * 1024;

/// A request whose response holds an `R`.
///
/// It is not `Debug`, because a body can hold a secret.
pub(super) struct Request<R> {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Option<&'static str>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) content_type: Option<&'static str>,
    pub(super) max_size: usize,
    response: PhantomData<fn() -> R>,
}

impl<R> Request<R> {
    fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: None,
            body: None,
            content_type: None,
            max_size: MAX_SIZE,
            response: PhantomData,
        }
    }

    /// Creates a GET request. The path is relative to `v1/`.
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// Creates a LIST request, whose response may have up to `max_size` bytes.
    pub(super) fn list(path: impl Into<String>, max_size: usize) -> Self {
        let method = Method::from_bytes(b"LIST").expect("the name is a token");
        Self {
            max_size,
            ..Self::new(method, path)
        }
    }

    /// Creates a POST request with a JSON body.
    pub(super) fn post(path: impl Into<String>, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("the bodies hold only text and numbers");
        Self {
            body: Some(body),
            ..Self::new(Method::POST, path)
        }
    }

    /// Creates a PATCH request with a JSON merge patch (RFC 7396).
    pub(super) fn patch(path: impl Into<String>, body: &impl Serialize) -> Self {
        Self {
            method: Method::PATCH,
            content_type: Some("application/merge-patch+json"),
            ..Self::post(path, body)
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

/// Why a request has no result.
///
/// It is not `Debug`, because Vault's texts and bodies can quote a secret.
pub(super) enum Failure {
    /// There was no connection, or it ended before the response.
    Connection(reqwest::Error),
    /// The response broke off.
    Incomplete(reqwest::Error),
    /// The response is larger than the limit in bytes.
    TooLarge(usize),
    /// The response is an error.
    Status(ErrorResponse),
    /// The response is a success with this status, but without content.
    Empty(u16),
    /// The response is a success, but not of Vault's form.
    Malformed,
    /// The token or the namespace contains a character that no header may have.
    Header,
}

/// An error response.
pub(super) struct ErrorResponse {
    /// The HTTP status.
    pub(super) code: u16,
    /// Vault's own texts; `None` if the body is not of the form of Vault's errors.
    pub(super) errors: Option<Vec<String>>,
    /// The body.
    pub(super) body: Vec<u8>,
    /// How long to wait before a repetition, if the server states that.
    pub(super) retry_after: Option<Duration>,
}

impl ErrorResponse {
    pub(super) fn new(code: u16, body: Vec<u8>) -> Self {
        #[derive(Deserialize)]
        struct Body {
            errors: Option<Vec<String>>,
        }
        let parsed = serde_json::from_slice::<Body>(&body).ok();
        Self {
            code,
            errors: parsed.and_then(|body| body.errors),
            body,
            retry_after: None,
        }
    }

    /// Returns true if there is a body, and it is not of the form of Vault's errors.
    pub(super) fn is_foreign(&self) -> bool {
        self.errors.is_none() && !self.body.is_empty()
    }

    /// Returns true if one of Vault's own texts contains `text`.
    pub(super) fn mentions(&self, text: &str) -> bool {
        let errors = self.errors.iter().flatten();
        errors.into_iter().any(|error| error.contains(text))
    }

    /// Returns true if Vault answers that there is no version to change: without a body or an
    /// error, or with the metadata of a deleted version. A 404 of a proxy has another body, and
    /// that of a path without an engine has an error.
    pub(super) fn has_no_version(&self) -> bool {
        let is_of_engine = || {
            let body = serde_json::from_slice::<serde_json::Value>(&self.body);
            body.is_ok_and(|body| body.get("request_id").is_some() || body.get("data").is_some())
        };
        let is_without_error = || self.body.is_empty() || is_of_engine();
        self.is_absent() || self.code == 404 && self.errors.is_none() && is_without_error()
    }

    /// Returns true if the status is 404 and says that there is no secret, as opposed to no mount
    /// or no namespace, for which Vault gives a text.
    pub(super) fn is_absent(&self) -> bool {
        self.code == 404 && self.errors.as_ref().is_some_and(Vec::is_empty)
    }
}
