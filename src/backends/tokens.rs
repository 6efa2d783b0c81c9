//! The token object in S3, in the format of the legacy service.

use aws_sdk_s3::Client;
use zeroize::Zeroizing;

use super::objects::{Object, Objects};
use super::{Etag, PutResult, Tokens};
use crate::config::BucketConfig;
use crate::error::Error;
use crate::token::TokenObject;

const READING: &str = "reading the Vault token";

/// The token object of a bucket.
#[derive(Debug)]
pub struct StoredToken {
    objects: Objects,
    key: String,
}

impl StoredToken {
    /// Creates an adapter for the token object of `bucket`.
    pub fn new(client: Client, bucket: &BucketConfig) -> Self {
        Self {
            objects: Objects::new(client, &bucket.name),
            key: bucket.token_key.clone(),
        }
    }

    fn unusable(&self, problem: &str) -> Error {
        let problem = format!("{problem}; store a token with `keysync token import`");
        Error::Unexpected {
            operation: READING,
            subject: self.objects.address_of(&self.key),
            problem,
        }
    }
}

impl Tokens for StoredToken {
    async fn load(&self) -> Result<(TokenObject, Etag), Error> {
        let Some(Object { text, etag, .. }) = self.objects.get(READING, &self.key).await? else {
            return Err(self.unusable("there is no token object"));
        };
        let object =
            TokenObject::parse(&Zeroizing::new(text)).map_err(|problem| self.unusable(&problem))?;
        Ok((object, etag))
    }

    async fn version(&self) -> Result<Option<Etag>, Error> {
        let object = self.objects.get(READING, &self.key).await?;
        Ok(object.map(|object| {
            drop(Zeroizing::new(object.text));
            object.etag
        }))
    }

    async fn save(
        &self,
        object: &TokenObject,
        if_match: Option<&Etag>,
    ) -> Result<PutResult, Error> {
        self.objects
            .put(
                "writing the Vault token",
                &self.key,
                object.to_json(),
                if_match,
            )
            .await
    }
}
