//! How Parameter Store in memory is written.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{Inner, Memory};
use crate::backends::ParameterWriter;
use crate::error::Error;
use crate::keys::ParameterName;
use crate::snapshot::{KeyIds, Revision};

impl ParameterWriter for Memory {
    async fn read_ids(&self, name: &ParameterName) -> Result<Option<KeyIds>, Error> {
        self.call("ssm-ids", name.as_str()).await?;
        let inner = self.inner();
        let found = inner.parameters.get(name.as_str());
        Ok(found.map(|(value, revision)| KeyIds::parse(&value.as_str().into(), revision.modified)))
    }

    async fn create(&self, name: &ParameterName, value: &SecretString) -> Result<bool, Error> {
        let call = self.call("ssm-create", name.as_str()).await?;
        let is_new = !self.inner().parameters.contains_key(name.as_str());
        if is_new {
            put(&mut self.inner(), name, value);
        }
        self.answer(call, is_new).await
    }

    async fn replace(&self, name: &ParameterName, value: &SecretString) -> Result<i64, Error> {
        let call = self.call("ssm-replace", name.as_str()).await?;
        let version = put(&mut self.inner(), name, value);
        self.answer(call, version).await
    }

    async fn delete(&self, name: &ParameterName) -> Result<(), Error> {
        let call = self.call("ssm-delete", name.as_str()).await?;
        self.inner().parameters.remove(name.as_str());
        self.answer(call, ()).await
    }
}

fn put(inner: &mut Inner, name: &ParameterName, value: &SecretString) -> i64 {
    let before = inner.parameters.get(name.as_str());
    let revision = Revision {
        modified: Timestamp::now(),
        version: before.map_or(1, |(_, revision)| revision.version + 1),
    };
    let put = (value.expose_secret().to_owned(), revision);
    inner.parameters.insert(name.as_str().to_owned(), put);
    revision.version
}
