//! JSON objects in S3 with conditional writes, for the state, the token and the targets document.

mod body;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use jiff::Timestamp;

use self::body::{BODY_TIMEOUT, BodyError, read_body};
use super::aws::aws_error;
use super::diagnostics::Encryption;
use super::{Etag, Page, PutResult};
use crate::error::Error;

/// The objects of a bucket.
#[derive(Clone, Debug)]
pub(super) struct Objects {
    client: Client,
    bucket: String,
}

/// What was found of an object.
pub(super) enum Found {
    Absent,
    Unchanged,
    Object(Object),
}

/// An object as it was read.
pub(super) struct Object {
    /// The text. The caller wipes it if it is secret.
    pub(super) text: Vec<u8>,
    pub(super) etag: Etag,
    /// When the object was written, by the clock of S3.
    pub(super) modified: Option<Timestamp>,
}

impl Objects {
    pub(super) fn new(client: Client, bucket: &str) -> Self {
        Self {
            client,
            bucket: bucket.to_owned(),
        }
    }

    /// Returns the address of an object or a key prefix, for messages.
    pub(super) fn address_of(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    /// Returns the object, or `None` if it does not exist.
    pub(super) async fn get(
        &self,
        operation: &'static str,
        key: &str,
    ) -> Result<Option<Object>, Error> {
        match self.get_unless(operation, key, None).await? {
            Found::Object(object) => Ok(Some(object)),
            Found::Absent | Found::Unchanged => Ok(None),
        }
    }

    /// Returns the object, unless it still has the version `known`.
    pub(super) async fn get_unless(
        &self,
        operation: &'static str,
        key: &str,
        known: Option<&Etag>,
    ) -> Result<Found, Error> {
        let subject = || self.address_of(key);
        let unexpected = |problem: &str| Error::unexpected(operation, subject(), problem);
        let object = match self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .set_if_none_match(known.map(|Etag(etag)| etag.clone()))
            .send()
            .await
        {
            Ok(object) => object,
            Err(SdkError::ServiceError(error))
                if known.is_some() && error.raw().status().as_u16() == 304 =>
            {
                return Ok(Found::Unchanged);
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetObjectError::is_no_such_key) =>
            {
                return Ok(Found::Absent);
            }
            Err(error) => {
                let remedy = "allow s3:GetObject on it and s3:ListBucket on the bucket; check the bucket's name and key";
                return Err(aws_error(operation, subject(), remedy, &error));
            }
        };
        let etag = object
            .e_tag
            .clone()
            .map(Etag)
            .ok_or_else(|| unexpected("the response has no ETag"))?;
        let modified = object.last_modified;
        let modified = modified.and_then(|time| Timestamp::from_second(time.secs()).ok());
        let length = object
            .content_length
            .and_then(|length| usize::try_from(length).ok());
        let body = read_body(object.body, length.unwrap_or_default());
        let body = tokio::time::timeout(BODY_TIMEOUT, body).await;
        let problem = match body {
            Ok(Ok(text)) => {
                return Ok(Found::Object(Object {
                    text,
                    etag,
                    modified,
                }));
            }
            Ok(Err(BodyError::TooLarge)) => {
                return Err(unexpected("the object is larger than the limit of 16 MiB"));
            }
            Ok(Err(BodyError::Closed)) => "the connection closed while the object was read",
            Err(_) => "the object was not read completely within the time limit",
        };
        Err(Error::unavailable(operation, subject(), problem))
    }

    /// Lists a page of the keys that begin with `prefix`.
    pub(super) async fn list(
        &self,
        operation: &'static str,
        prefix: &str,
        from: Option<String>,
    ) -> Result<Page<String>, Error> {
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .set_continuation_token(from);
        let answer = request.send().await.map_err(|error| {
            aws_error(
                operation,
                self.address_of(prefix),
                "allow s3:ListBucket on the bucket",
                &error,
            )
        })?;
        let keys = answer
            .contents
            .unwrap_or_default()
            .into_iter()
            .filter_map(|object| object.key);
        Ok(Page {
            items: keys.collect(),
            next: answer.next_continuation_token,
        })
    }

    /// Writes the object if it still has the version `if_match` (`None`: if no object exists).
    pub(super) async fn put(
        &self,
        operation: &'static str,
        key: &str,
        text: Vec<u8>,
        if_match: Option<&Etag>,
    ) -> Result<PutResult, Error> {
        self.put_reporting_encryption(operation, key, text, if_match)
            .await
            .map(|(saved, _)| saved)
    }

    /// Writes the object like [`put`](Self::put), and also returns how it is encrypted.
    ///
    /// Sends no encryption header, so that the bucket's default applies.
    pub(super) async fn put_reporting_encryption(
        &self,
        operation: &'static str,
        key: &str,
        text: Vec<u8>,
        if_match: Option<&Etag>,
    ) -> Result<(PutResult, Encryption), Error> {
        let subject = self.address_of(key);
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type("application/json")
            .body(ByteStream::from(text));
        let request = match if_match {
            Some(Etag(etag)) => request.if_match(etag),
            None => request.if_none_match("*"),
        };
        match request.send().await {
            Ok(answer) => {
                let encryption = encryption(&answer);
                let etag = answer.e_tag.map(Etag);
                let error = || Error::unexpected(operation, subject, "the response has no ETag");
                etag.map(|etag| (PutResult::Saved(etag), encryption))
                    .ok_or_else(error)
            }
            // 412: the object has another version. 409: a concurrent write is in progress. 404: the
            // object was deleted under an If-Match.
            Err(SdkError::ServiceError(error))
                if matches!(error.raw().status().as_u16(), 404 | 409 | 412)
                    && !is_no_bucket(error.err()) =>
            {
                Ok((PutResult::PreconditionFailed, Encryption::None))
            }
            Err(error) => {
                let remedy =
                    "allow s3:PutObject on it, and kms:GenerateDataKey if the bucket has a KMS key";
                Err(aws_error(operation, subject, remedy, &error))
            }
        }
    }
}

fn encryption(answer: &PutObjectOutput) -> Encryption {
    match &answer.server_side_encryption {
        None => Encryption::None,
        Some(ServerSideEncryption::Aes256) => Encryption::Managed,
        Some(_) => Encryption::Kms(answer.ssekms_key_id.clone().unwrap_or_default()),
    }
}

fn is_no_bucket(error: &impl aws_sdk_s3::error::ProvideErrorMetadata) -> bool {
    error.code() == Some("NoSuchBucket")
}
