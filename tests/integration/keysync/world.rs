//! What a test of the command line arranges around it: a user who goes, a policy, and everything that a command could change.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use serde_json::{Value, json};

use crate::corner::Corner;

impl Corner<'_> {
    /// Removes a user as the platform does: the row, and the parameter.
    pub async fn remove(&self, user: &str) {
        let row = self.dynamodb.delete_item().table_name(&self.bucket);
        row.key("UserName", AttributeValue::S(user.to_owned()))
            .send()
            .await
            .unwrap();
        self.delete(user).await;
    }

    /// Writes a user's secret in Vault by hand, as no service of ours does.
    pub async fn tamper(&self, user: &str) {
        let body = Some(json!({"data": {"accessKeyId": "by hand"}}));
        let (status, _) = self
            .vault(
                reqwest::Method::POST,
                &format!("secret/data/{}", self.path(user)),
                body,
            )
            .await;
        assert_eq!(status, 200);
    }

    /// Keeps every version of every object from now on.
    pub async fn keep_versions(&self) {
        let keep = VersioningConfiguration::builder()
            .status(BucketVersioningStatus::Enabled)
            .build();
        self.s3
            .put_bucket_versioning()
            .bucket(&self.bucket)
            .versioning_configuration(keep)
            .send()
            .await
            .unwrap();
    }

    /// Everything that a command could have changed: the history of each secret, each version of each object, and the life
    /// of the token.
    pub async fn everything(&self) -> Value {
        let list = reqwest::Method::from_bytes(b"LIST").unwrap();
        let (_, listed) = self
            .vault(list, &format!("secret/metadata/{}", self.folder), None)
            .await;
        let mut secrets = Vec::new();
        for user in listed["data"]["keys"].as_array().into_iter().flatten() {
            let path = format!("secret/metadata/{}", self.path(user.as_str().unwrap()));
            secrets.push(self.vault(reqwest::Method::GET, &path, None).await.1["data"].clone());
        }
        let versions = self
            .s3
            .list_object_versions()
            .bucket(&self.bucket)
            .send()
            .await
            .unwrap();
        let versions = versions
            .versions()
            .iter()
            .map(|version| format!("{:?} {:?}", version.key, version.version_id));
        let token: Value =
            serde_json::from_str(&self.object("vault-token.json").await.unwrap()).unwrap();
        let about = json!({"token": token["token"]});
        let (_, token) = self
            .vault(reqwest::Method::POST, "auth/token/lookup", Some(about))
            .await;
        let renewed = token["data"]["last_renewal_time"].clone();
        json!({"secrets": secrets, "objects": versions.collect::<Vec<_>>(), "renewed": renewed})
    }

    /// A token with exactly this policy, beside `default`, which lets it look itself up and renew itself.
    pub async fn token_of(&self, policy: &str) -> String {
        let name = format!("{}-{:08x}", self.bucket, fastrand::u32(..));
        self.policy(&name, policy).await;
        self.make_token(&json!({"policies": [name], "period": "72h"}))
            .await
    }
}
