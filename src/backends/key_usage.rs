//! IAM: when and where an access key was last used
//! (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html>).

use aws_sdk_iam::Client;
use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_types::SdkConfig;
use jiff::Timestamp;

use super::aws::aws_error;
use super::word;
use crate::error::Error;

/// What IAM returns in place of a service or Region, if there is none.
const NONE: &str = "N/A";

/// The last use of an access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// When a request was signed with it.
    pub at: Timestamp,
    /// The service that received the request, such as `s3`.
    pub service: Option<String>,
    /// The Region that received it.
    pub region: Option<String>,
}

/// Access keys in IAM.
#[derive(Debug)]
pub struct KeyUsage {
    client: Client,
}

impl KeyUsage {
    /// Creates an adapter with these settings.
    pub fn new(aws: &SdkConfig) -> Self {
        Self {
            client: Client::new(aws),
        }
    }

    /// Returns the last use of a key; `None` if it has not been used.
    ///
    /// # Errors
    /// Those of AWS, with `name` for the key.
    pub async fn last_use(&self, id: &str, name: &str) -> Result<Option<LastUse>, Error> {
        let answer = self
            .client
            .get_access_key_last_used()
            .access_key_id(id)
            .send()
            .await
            .map_err(|error| {
                const OPERATION: &str = "asking IAM for the last use of";
                if error.code() == Some("NoSuchEntity") {
                    let remedy = "AWS has deleted it, or it belongs to another account";
                    return Error::missing(OPERATION, name, remedy);
                }
                let remedy = "allow iam:GetAccessKeyLastUsed on the user";
                aws_error(OPERATION, name, remedy, &error)
            })?;
        let Some(last) = answer.access_key_last_used else {
            return Ok(None);
        };
        let at = last.last_used_date.and_then(|at| at.to_millis().ok());
        let at = at.and_then(|at| Timestamp::from_millisecond(at).ok());
        let known = |text: &str| (!text.is_empty() && text != NONE).then(|| word(text));
        Ok(at.map(|at| LastUse {
            at,
            service: known(&last.service_name),
            region: known(&last.region),
        }))
    }
}
