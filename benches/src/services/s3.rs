//! S3: conditional reads, conditional writes and listings of one bucket.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{BUCKET, Data, Object};

/// The number of keys on a page of a listing.
const PAGE_SIZE: usize = 1000;

impl Data {
    pub(super) fn s3(
        &mut self,
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> (&'static str, Response) {
        let key = path
            .trim_start_matches('/')
            .trim_start_matches(BUCKET)
            .trim_start_matches('/');
        match *method {
            Method::GET if key.is_empty() => ("S3 list", self.list(query)),
            Method::GET => ("S3 read", self.get(key, headers)),
            Method::PUT => ("S3 write", self.put(key, headers, body)),
            _ => (
                "unknown",
                error(StatusCode::BAD_REQUEST, "MethodNotAllowed"),
            ),
        }
    }

    /// Stores an object and returns its new `ETag`.
    pub(super) fn store(&mut self, key: String, body: Bytes) -> String {
        self.last_etag += 1;
        let etag = format!("\"{:032x}\"", self.last_etag);
        self.objects.insert(
            key,
            Object {
                body,
                etag: etag.clone(),
            },
        );
        etag
    }

    fn get(&self, key: &str, headers: &HeaderMap) -> Response {
        let known = header(headers, "if-none-match");
        match self.objects.get(key) {
            Some(Object { etag, .. }) if known == Some(etag) => {
                (StatusCode::NOT_MODIFIED, [("etag", etag.as_str())]).into_response()
            }
            Some(Object { body, etag }) => {
                ([("etag", etag.as_str())], body.clone()).into_response()
            }
            None => error(StatusCode::NOT_FOUND, "NoSuchKey"),
        }
    }

    fn put(&mut self, key: &str, headers: &HeaderMap, body: Bytes) -> Response {
        let header = |name| header(headers, name);
        let current = self.objects.get(key).map(|object| object.etag.as_str());
        let precondition_failed = match (header("if-match"), header("if-none-match")) {
            (Some(expected), _) => current != Some(expected),
            (None, Some(_)) => current.is_some(),
            (None, None) => false,
        };
        if precondition_failed {
            return error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        }
        let etag = self.store(key.to_owned(), decode_chunks(headers, body));
        [("etag", etag)].into_response()
    }

    fn list(&self, query: &str) -> Response {
        let argument = |name: &str| {
            query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let prefix = argument("prefix").unwrap_or_default().replace("%2F", "/");
        let from = argument("continuation-token").map_or_else(|| prefix.clone(), decode_token);
        let keys = self.objects.range(from..).map(|(key, _)| key);
        let keys: Vec<_> = keys
            .take_while(|key| key.starts_with(&prefix))
            .take(PAGE_SIZE + 1)
            .collect();
        let (page, next) = keys.split_at(keys.len().min(PAGE_SIZE));
        let mut text = "<ListBucketResult>".to_owned();
        for key in page {
            text.push_str("<Contents><Key>");
            text.push_str(key);
            text.push_str("</Key></Contents>");
        }
        if let Some(key) = next.first() {
            text.push_str("<NextContinuationToken>");
            text.push_str(&BASE64_STANDARD.encode(key));
            text.push_str("</NextContinuationToken>");
        }
        text.push_str("</ListBucketResult>");
        text.into_response()
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Returns the key that a continuation token stands for.
fn decode_token(token: &str) -> String {
    let token = token
        .replace("%3D", "=")
        .replace("%2B", "+")
        .replace("%2F", "/");
    String::from_utf8(BASE64_STANDARD.decode(token).unwrap_or_default()).unwrap_or_default()
}

fn error(status: StatusCode, code: &str) -> Response {
    (status, format!("<Error><Code>{code}</Code></Error>")).into_response()
}

/// Returns the object of an upload. The SDK may send it in chunks with a trailing checksum.
fn decode_chunks(headers: &HeaderMap, body: Bytes) -> Bytes {
    if !headers.contains_key("x-amz-decoded-content-length") {
        return body;
    }
    let (mut rest, mut object) = (&body[..], Vec::new());
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end])
            .ok()
            .and_then(|line| line.split(';').next());
        let size = size
            .and_then(|size| usize::from_str_radix(size, 16).ok())
            .unwrap_or_default();
        if size == 0 {
            break;
        }
        object.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    object.into()
}
