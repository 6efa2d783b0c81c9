//! Users with several targets.

use reqwest::Method;
use serde_json::{Value, json};

use super::TestEnv;

impl TestEnv<'_> {
    /// Stores a targets document and a token for secrets beside those of users.
    pub async fn store_targets(&self, document: &Value) {
        let policy = format!(
            r#"path "secret/data/{folder}/+" {{ capabilities = ["create", "update", "patch"] }}
            path "secret/metadata/{folder}/+" {{ capabilities = ["read", "patch"] }}"#,
            folder = self.folder
        );
        self.store_token(&self.token_with_policy(&policy).await)
            .await;
        self.store("targets.json", document.to_string()).await;
    }

    /// Returns a target whose secret can be read as that of a user with this name.
    pub fn target(&self, name: &str) -> Value {
        let fields = json!({
            "accessKeyId": "{accessKeyId}", "secretAccessKey": "{secretAccessKey}",
        });
        json!({"mount": "secret", "path": self.path(name), "fields": fields})
    }

    /// Gives each user two targets, the second one with `merge`. Returns their names.
    pub async fn give_two_targets(&self, users: &[&str]) -> Vec<[String; 2]> {
        let names = |user: &str| ["replaced", "merged"].map(|kind| format!("{kind}-{user}"));
        let entry = |user: &str| {
            let mut targets = names(user).map(|name| self.target(&name));
            targets[0]["merge"] = json!(false);
            json!({"name": self.parameter(user), "targets": targets})
        };
        let entries = users.iter().map(|user| entry(user)).collect::<Vec<_>>();
        self.store_targets(&json!({"parameters": entries})).await;
        users.iter().map(|user| names(user)).collect()
    }

    /// Changes one field of a secret, as a person does.
    pub async fn change(&self, name: &str, field: &str, value: &str) {
        let path = format!("secret/data/{}", self.path(name));
        let (_, body) = self.vault(Method::GET, &path, None).await;
        let mut fields = body["data"]["data"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        fields.insert(field.to_owned(), value.into());
        let (status, _) = self
            .vault(Method::POST, &path, Some(json!({"data": fields})))
            .await;
        assert_eq!(status, 200);
    }

    /// Returns the record of a secret of a user with several targets.
    pub async fn record(&self, user: &str, name: &str) -> Option<Value> {
        let state = self.state(user).await?;
        let path = format!("secret/{}", self.path(name));
        let records = state["targets"].as_array()?;
        let record = records.iter().find(|record| record["vaultPath"] == *path);
        record.cloned()
    }
}
