//! The platform's roster: a DynamoDB table with one row per user.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use super::aws::aws_error;
use super::{Page, Roster};
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
    /// Creates an adapter for the table with this name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

impl Roster for RosterTable {
    async fn contains(&self, user: &UserName) -> Result<bool, Error> {
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
            .map_err(|error| aws_error("reading the roster", &self.table, remedy, &error))
    }

    async fn page(&self, from: Option<String>) -> Result<Page<String>, Error> {
        let from =
            from.map(|user| HashMap::from([(USER_NAME.to_owned(), AttributeValue::S(user))]));
        let request = self
            .client
            .scan()
            .table_name(&self.table)
            .projection_expression(USER_NAME);
        let answer = request.set_exclusive_start_key(from).send().await;
        let remedy = "allow dynamodb:Scan on it, or set IAM_USER_TABLE=- if there is no roster";
        let answer =
            answer.map_err(|error| aws_error("reading the roster", &self.table, remedy, &error))?;
        let name = |row: &HashMap<String, AttributeValue>| row.get(USER_NAME)?.as_s().ok().cloned();
        let items = answer
            .items
            .unwrap_or_default()
            .iter()
            .filter_map(name)
            .collect();
        Ok(Page {
            items,
            next: answer.last_evaluated_key.as_ref().and_then(name),
        })
    }
}
