//! The token object in S3, in the format of the legacy service.

use aws_sdk_s3::Client;
use zeroize::Zeroizing;

use super::objects::{Object, Objects};
use super::{Etag, PutResult, Tokens};
use crate::config::BucketConfig;
use crate::error::Error;
use crate::token::TokenObject;

const READING: &str = "reading the Vault token";

const STORE_TOKEN: &str = "store a token with `keysync token import`";

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
}

impl Tokens for StoredToken {
    async fn load(&self) -> Result<(TokenObject, Etag), Error> {
        let Some(Object { text, etag, .. }) = self.objects.get(READING, &self.key).await? else {
            let subject = self.objects.address_of(&self.key);
            return Err(Error::missing(READING, subject, STORE_TOKEN));
        };
        let object = TokenObject::parse(&Zeroizing::new(text)).map_err(|problem| {
            let subject = self.objects.address_of(&self.key);
            Error::unexpected(READING, subject, &problem).with_remedy(STORE_TOKEN)
        })?;
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
