//! The platform's roster: a DynamoDB table with one row per user.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{Roster, aws_error};
use crate::error::Error;
use crate::keys::UserName;

/// The table's hash key.
const USER_NAME: &str = "UserName";

/// The roster table.
#[derive(Debug)]
pub struct RosterTable {
    client: Client,
    table: String,
}

impl RosterTable {
    /// The table of this name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

impl Roster for RosterTable {
    async fn lists(&self, user: &UserName) -> Result<bool, Error> {
        let key = AttributeValue::S(user.as_str().to_owned());
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(USER_NAME, key)
            .projection_expression(USER_NAME)
            .consistent_read(true)
            .send()
            .await;
        let remedy = "allow dynamodb:GetItem on it, or set IAM_USER_TABLE=- if there is no roster";
        answer
            .map(|answer| answer.item.is_some())
            .map_err(|error| aws_error("asking the roster", &self.table, remedy, &error))
    }
}
