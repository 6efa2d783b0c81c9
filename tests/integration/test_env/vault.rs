//! Vault, as its root user sees it: requests, policies, tokens and keys.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Key, TestEnv};

/// Key id of a secret that was changed in Vault by hand.
pub const MANUAL_ID: &str = "by hand";

impl TestEnv<'_> {
    /// Sends a request to Vault with the root token; returns status and body.
    pub async fn vault(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self
            .root_request(method, path)
            .timeout(Duration::from_mins(1));
        let request = match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    fn root_request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/v1/{path}", self.stack.text("/vault/addr"));
        let token = self.stack.text("/vault/rootToken");
        self.vault
            .request(method, url)
            .header("X-Vault-Token", token)
    }

    /// Lists the names in a folder below the mount.
    pub async fn list(&self, folder: &str) -> Vec<String> {
        let list = Method::from_bytes(b"LIST").unwrap();
        let (_, listing) = self
            .vault(list, &format!("secret/metadata/{folder}"), None)
            .await;
        let names = listing["data"]["keys"].as_array().into_iter().flatten();
        names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    }

    /// Writes a Vault policy.
    pub async fn policy(&self, name: &str, policy: &str) {
        let body = Some(json!({"policy": policy}));
        let (status, _) = self
            .vault(Method::PUT, &format!("sys/policies/acl/{name}"), body)
            .await;
        assert_eq!(status, 204);
    }

    /// Creates an orphan token with these properties.
    pub async fn create_token(&self, properties: &Value) -> String {
        let path = "auth/token/create-orphan";
        let (_, answer) = self
            .vault(Method::POST, path, Some(properties.clone()))
            .await;
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    /// Creates a token with these properties, wrapped for a minute.
    pub async fn create_wrapped_token(&self, properties: &Value) -> String {
        let request = self.root_request(Method::POST, "auth/token/create-orphan");
        wrapped(request.body(properties.to_string())).await
    }

    /// Creates a token at this path of a namespace, wrapped for a minute.
    pub async fn create_wrapped(&self, path: &str, namespace: Option<&str>) -> String {
        let request = self.root_request(Method::POST, path);
        let body = json!({"policies": ["default"], "period": "72h"});
        let request = request.header("X-Vault-Namespace", namespace.unwrap_or_default());
        wrapped(request.body(body.to_string())).await
    }

    /// Creates a periodic token with exactly this policy, beside the `default` policy.
    pub async fn token_with_policy(&self, policy: &str) -> String {
        let name = format!("{}-{:08x}", self.bucket, fastrand::u32(..));
        self.policy(&name, policy).await;
        self.create_token(&json!({"policies": [name], "period": "72h"}))
            .await
    }

    /// Revokes a token.
    pub async fn revoke_token(&self, token: &str) {
        let body = Some(json!({"token": token}));
        let (status, _) = self.vault(Method::POST, "auth/token/revoke", body).await;
        assert_eq!(status, 204);
    }

    /// Deletes a user's secret with all versions, and its state.
    pub async fn forget_key(&self, user: &str) {
        let path = format!("secret/metadata/{}", self.path(user));
        self.vault(Method::DELETE, &path, None).await;
        self.delete_state(user).await;
    }

    /// Returns the path of a user's secret below the mount.
    pub fn path(&self, user: &str) -> String {
        format!("{}/{user}", self.folder)
    }

    /// Returns the current key of a user in Vault and its version, if there is one.
    pub async fn key(&self, user: &str) -> Option<(Key, u64)> {
        self.version(user, None).await
    }

    /// Returns a version of a user's key in Vault, if there is one.
    pub async fn version(&self, user: &str, version: Option<u64>) -> Option<(Key, u64)> {
        let query = version
            .map(|version| format!("?version={version}"))
            .unwrap_or_default();
        let path = format!("secret/data/{}{query}", self.path(user));
        let (status, body) = self.vault(Method::GET, &path, None).await;
        let text = |name| {
            let text = body
                .pointer(&format!("/data/data/{name}"))
                .and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let found = body
            .pointer("/data/metadata/version")
            .and_then(Value::as_u64);
        (status == 200).then(|| {
            (
                Key {
                    id: text("accessKeyId"),
                    secret: text("secretAccessKey"),
                },
                found.unwrap(),
            )
        })
    }

    /// Changes a user's secret in Vault without the service.
    pub async fn tamper(&self, user: &str) {
        let body = Some(json!({"data": {"accessKeyId": MANUAL_ID, "secretAccessKey": "none"}}));
        let path = format!("secret/data/{}", self.path(user));
        let (status, _) = self.vault(Method::POST, &path, body).await;
        assert_eq!(status, 200);
    }

    /// Sets the number of versions that Vault keeps of each secret.
    pub async fn keep_vault_versions(&self, count: u32) {
        let body = Some(json!({"max_versions": count}));
        self.vault(Method::POST, "secret/config", body).await;
    }

    /// Returns everything that a command can change: the history of each secret, each version of
    /// each object, and the last renewal of the token.
    pub async fn snapshot(&self) -> Value {
        let mut secrets = Vec::new();
        for user in self.list(&self.folder).await {
            let path = format!("secret/metadata/{}", self.path(&user));
            secrets.push(self.vault(Method::GET, &path, None).await.1["data"].clone());
        }
        let versions = self
            .s3
            .list_object_versions()
            .bucket(&self.bucket)
            .send()
            .await
            .unwrap();
        let versions = versions.versions().iter();
        let versions =
            versions.map(|version| format!("{:?} {:?}", version.key, version.version_id));
        let token = self.json_object("vault-token.json").await;
        let lookup = Some(json!({"token": token["token"]}));
        let (_, token) = self.vault(Method::POST, "auth/token/lookup", lookup).await;
        json!({
            "secrets": secrets,
            "objects": versions.collect::<Vec<_>>(),
            "renewed": token["data"]["last_renewal_time"],
        })
    }
}

/// Sends a request whose response is wrapped; returns the wrapping token.
async fn wrapped(request: reqwest::RequestBuilder) -> String {
    let response = request.header("X-Vault-Wrap-TTL", "60s").send().await;
    let answer = response.unwrap().bytes().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    answer["wrap_info"]["token"].as_str().unwrap().to_owned()
}
