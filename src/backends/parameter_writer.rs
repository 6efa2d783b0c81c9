//! Parameter Store: puts and deletes the parameter of a rehearsal. The service itself never writes
//! there. Parameter Store has no conditional write, so the caller reads the parameter before.

use aws_sdk_ssm::operation::delete_parameter::DeleteParameterError;
use aws_sdk_ssm::operation::put_parameter::PutParameterError;
use aws_sdk_ssm::types::ParameterType;
use secrecy::{ExposeSecret, SecretString};

use super::aws::aws_error;
use super::parameters::ParameterStore;
use crate::error::Error;
use crate::keys::ParameterName;
use crate::snapshot::KeyIds;

/// Writes to Parameter Store.
pub trait ParameterWriter {
    /// Reads the ids of the keys that a parameter holds; `None` if there is no parameter.
    async fn read_ids(&self, name: &ParameterName) -> Result<Option<KeyIds>, Error>;
    /// Creates a parameter. Returns false if it exists, which can be due to an attempt before whose
    /// response was lost.
    async fn create(&self, name: &ParameterName, value: &SecretString) -> Result<bool, Error>;
    /// Puts a new version of a parameter, and returns its number.
    async fn replace(&self, name: &ParameterName, value: &SecretString) -> Result<i64, Error>;
    /// Deletes a parameter, if it exists.
    async fn delete(&self, name: &ParameterName) -> Result<(), Error>;
}

const PUT: &str = "putting the parameter";
const PUT_REMEDY: &str = "allow what `keysync policy iam --rehearse` prints";

impl ParameterWriter for ParameterStore {
    async fn read_ids(&self, name: &ParameterName) -> Result<Option<KeyIds>, Error> {
        self.key_ids(name).await
    }

    async fn create(&self, name: &ParameterName, value: &SecretString) -> Result<bool, Error> {
        let put = self.client().put_parameter().name(name.as_str());
        let put = put.r#type(ParameterType::SecureString).overwrite(false);
        match put.value(value.expose_secret()).send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutParameterError::is_parameter_already_exists) =>
            {
                Ok(false)
            }
            Err(error) => Err(aws_error(PUT, name.as_str(), PUT_REMEDY, &error)),
        }
    }

    async fn replace(&self, name: &ParameterName, value: &SecretString) -> Result<i64, Error> {
        let put = self.client().put_parameter().name(name.as_str());
        let put = put.r#type(ParameterType::SecureString).overwrite(true);
        let put = put.value(value.expose_secret()).send().await;
        put.map(|put| put.version)
            .map_err(|error| aws_error(PUT, name.as_str(), PUT_REMEDY, &error))
    }

    async fn delete(&self, name: &ParameterName) -> Result<(), Error> {
        let deletion = self.client().delete_parameter().name(name.as_str());
        match deletion.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteParameterError::is_parameter_not_found) =>
            {
                Ok(())
            }
            Err(error) => {
                let operation = "deleting the parameter";
                Err(aws_error(operation, name.as_str(), PUT_REMEDY, &error))
            }
        }
    }
}
