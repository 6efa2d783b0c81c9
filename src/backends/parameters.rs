//! Parameter Store: reads one parameter, or a page of them.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::error::SdkError;
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use jiff::Timestamp;
use secrecy::SecretString;

use super::aws::aws_error;
use super::{Page, Parameters};
use crate::error::Error;
use crate::keys::{ParameterName, ParameterNaming, UserName};
#[cfg(feature = "cli")]
use crate::snapshot::KeyIds;
use crate::snapshot::{ParameterReading, ParameterView, Revision};

const OPERATION: &str = "reading the parameter";

/// The remedy for a parameter that may not be read.
const READ_REMEDY: &str =
    "allow ssm:GetParameter on it, and kms:Decrypt if its key is customer managed";

/// The largest page that `GetParametersByPath` returns
/// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html>).
const PAGE_SIZE: i32 = 10;

/// Parameter Store of one account and Region.
#[derive(Debug)]
pub struct ParameterStore {
    client: Client,
}

impl ParameterStore {
    /// Creates an adapter that uses this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns the client, for the adapter that writes.
    #[cfg(feature = "cli")]
    pub(super) fn client(&self) -> &Client {
        &self.client
    }
}

impl Parameters for ParameterStore {
    async fn read(&self, name: &ParameterName) -> ParameterReading {
        let answer = self
            .client
            .get_parameter()
            .name(name.as_str())
            .with_decryption(true)
            .send()
            .await;
        match answer {
            Ok(answer) => parsed(name.as_str(), answer.parameter),
            Err(error) if is_not_found(&error) => ParameterView::Absent.into(),
            Err(error) => {
                let error = aws_error(OPERATION, name.as_str(), READ_REMEDY, &error);
                ParameterView::Unreadable(error).into()
            }
        }
    }

    async fn page(
        &self,
        naming: &ParameterNaming,
        from: Option<String>,
    ) -> Result<Page<(UserName, ParameterReading)>, Error> {
        let path = naming.prefix.trim_end_matches('/');
        let request = self
            .client
            .get_parameters_by_path()
            .path(path)
            .recursive(false)
            .with_decryption(true);
        let answer = request.max_results(PAGE_SIZE).set_next_token(from).send().await.map_err(|error| {
            let remedy = "allow ssm:GetParametersByPath on it, and kms:Decrypt if a key is customer managed";
            aws_error("listing the parameters of", path, remedy, &error)
        })?;
        let items = answer
            .parameters
            .unwrap_or_default()
            .into_iter()
            .filter_map(|parameter| {
                let name = parameter.name.clone()?;
                Some((naming.user_of(&name).ok()?, parsed(&name, Some(parameter))))
            });
        Ok(Page {
            items: items.collect(),
            next: answer.next_token.filter(|next| !next.is_empty()),
        })
    }
}

#[cfg(feature = "cli")]
impl ParameterStore {
    /// Reads the ids of the keys that a parameter holds; `None` if there is no parameter.
    ///
    /// # Errors
    /// Those of AWS.
    pub async fn key_ids(&self, name: &ParameterName) -> Result<Option<KeyIds>, Error> {
        let request = self.client.get_parameter().name(name.as_str());
        let answer = match request.with_decryption(true).send().await {
            Ok(answer) => answer,
            Err(error) if is_not_found(&error) => return Ok(None),
            Err(error) => return Err(aws_error(OPERATION, name.as_str(), READ_REMEDY, &error)),
        };
        let ids = answer.parameter.and_then(|parameter| {
            let modified = parameter.last_modified_date?.to_millis().ok()?;
            let modified = Timestamp::from_millisecond(modified).ok()?;
            Some(KeyIds::parse(&parameter.value?.into(), modified))
        });
        let problem = "the response has no value or date";
        ids.map(Some)
            .ok_or_else(|| Error::unexpected(OPERATION, name.as_str(), problem))
    }
}

fn is_not_found<R>(error: &SdkError<GetParameterError, R>) -> bool {
    error
        .as_service_error()
        .is_some_and(GetParameterError::is_parameter_not_found)
}

/// Parses the parameter in a response.
fn parsed(name: &str, parameter: Option<aws_sdk_ssm::types::Parameter>) -> ParameterReading {
    // A key of another parameter would be published under this user's path.
    let is_other = |parameter: &aws_sdk_ssm::types::Parameter| parameter.name() != Some(name);
    if parameter.as_ref().is_some_and(is_other) {
        let problem = "the response is about another parameter";
        return ParameterView::Unreadable(Error::unexpected(OPERATION, name, problem)).into();
    }
    let found = parameter.and_then(|parameter| {
        let modified = parameter.last_modified_date?.to_millis().ok()?;
        let modified = Timestamp::from_millisecond(modified).ok()?;
        Some((
            SecretString::from(parameter.value?),
            Revision {
                modified,
                version: parameter.version,
            },
        ))
    });
    if let Some((value, revision)) = found {
        ParameterReading::parse(&value, revision)
    } else {
        let problem = "the response has no value, version or date";
        ParameterView::Unreadable(Error::unexpected(OPERATION, name, problem)).into()
    }
}
