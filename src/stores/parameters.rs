//! Parameter Store through its API: one read of one parameter.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use jiff::Timestamp;
use secrecy::SecretString;

use super::{Parameters, aws_error};
use crate::error::Error;
use crate::keys::ParameterName;
use crate::snapshot::{Parameter, Revision};

const OPERATION: &str = "reading the parameter";

/// Parameter Store of one account and Region.
#[derive(Debug)]
pub struct ParameterStore {
    client: Client,
}

impl ParameterStore {
    /// Through this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl Parameters for ParameterStore {
    async fn read(&self, name: &ParameterName) -> Parameter {
        let answer = self.client.get_parameter().name(name.as_str()).with_decryption(true).send().await;
        let parameter = match answer {
            Ok(answer) => answer.parameter,
            Err(error) if error.as_service_error().is_some_and(GetParameterError::is_parameter_not_found) => {
                return Parameter::Absent;
            }
            Err(error) => {
                let remedy = "allow ssm:GetParameter on it (and kms:Decrypt on its key, if that is the customer's)";
                return Parameter::Unreadable(aws_error(OPERATION, name.as_str(), remedy, &error));
            }
        };
        let unexpected = || {
            let problem = "the answer has no value, version or date".to_owned();
            Parameter::Unreadable(Error::Unexpected { operation: OPERATION, subject: name.to_string(), problem })
        };
        let Some(parameter) = parameter else { return unexpected() };
        let modified = parameter.last_modified_date.and_then(|date| date.to_millis().ok());
        let modified = modified.and_then(|millis| Timestamp::from_millisecond(millis).ok());
        match (parameter.value, modified) {
            (Some(value), Some(modified)) => {
                Parameter::parse(&SecretString::from(value), Revision { modified, version: parameter.version })
            }
            _ => unexpected(),
        }
    }
}
