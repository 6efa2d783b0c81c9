//! The platform's roster of users, a DynamoDB table.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};

use super::TestEnv;

impl TestEnv<'_> {
    /// Creates the roster of this environment with these users; returns its name.
    pub async fn roster(&self, users: &[&str]) -> &str {
        self.create_roster(&self.bucket, users).await;
        &self.bucket
    }

    /// Creates a roster of this name with these users.
    pub async fn create_roster(&self, table: &str, users: &[&str]) {
        let name = AttributeDefinition::builder().attribute_name("UserName");
        let name = name.attribute_type(ScalarAttributeType::S).build().unwrap();
        let key = KeySchemaElement::builder()
            .attribute_name("UserName")
            .key_type(KeyType::Hash);
        let create = self.dynamodb.create_table().table_name(table);
        let create = create.billing_mode(BillingMode::PayPerRequest);
        let create = create
            .attribute_definitions(name)
            .key_schema(key.build().unwrap());
        create.send().await.unwrap();
        for user in users {
            self.enrol(table, user).await;
        }
    }

    /// Adds a user to a roster.
    pub async fn enrol(&self, table: &str, user: &str) {
        let name = AttributeValue::S(user.to_owned());
        let put = self
            .dynamodb
            .put_item()
            .table_name(table)
            .item("UserName", name);
        put.send().await.unwrap();
    }

    /// Removes a user as the platform does: the roster row and the parameter.
    pub async fn remove(&self, user: &str) {
        self.unenrol(&self.bucket, user).await;
        self.delete(user).await;
    }

    /// Removes a user from a roster.
    pub async fn unenrol(&self, table: &str, user: &str) {
        let name = AttributeValue::S(user.to_owned());
        let delete = self.dynamodb.delete_item().table_name(table);
        delete.key("UserName", name).send().await.unwrap();
    }
}
