//! The platform's roster of users, a table.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};

use crate::corner::Corner;

impl Corner<'_> {
    /// Makes this corner's roster, of these users; its name.
    pub async fn roster(&self, users: &[&str]) -> &str {
        self.make_roster(&self.bucket, users).await;
        &self.bucket
    }

    /// Makes a roster of this name, of these users.
    pub async fn make_roster(&self, table: &str, users: &[&str]) {
        let name = AttributeDefinition::builder()
            .attribute_name("UserName")
            .attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder()
            .attribute_name("UserName")
            .key_type(KeyType::Hash);
        let made = self
            .dynamodb
            .create_table()
            .table_name(table)
            .billing_mode(BillingMode::PayPerRequest);
        let made = made
            .attribute_definitions(name.build().unwrap())
            .key_schema(key.build().unwrap());
        made.send().await.unwrap();
        for user in users {
            self.enrol(table, user).await;
        }
    }

    /// Puts a user on a roster.
    pub async fn enrol(&self, table: &str, user: &str) {
        let row = self
            .dynamodb
            .put_item()
            .table_name(table)
            .item("UserName", AttributeValue::S(user.to_owned()));
        row.send().await.unwrap();
    }
}
