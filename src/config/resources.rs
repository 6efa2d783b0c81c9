//! The names of AWS resources: the bucket, its objects and the table of the roster.

use super::BucketConfig;
use super::reader::Reader;

impl Reader<'_> {
    /// Reads the name of a bucket, or the ARN of an access point.
    pub(super) fn bucket_name(&mut self) -> Option<String> {
        let name = self.text("S3_BUCKET_NAME")?;
        let is_access_point = name.starts_with("arn:") && name.contains(":accesspoint");
        let valid = is_access_point && name.chars().all(|c| c.is_ascii_graphic())
            || is_resource_name(&name);
        let problem = "is not the name of a bucket; expected a name such as my-bucket, without s3://, or the ARN of an access point";
        self.require(valid, "S3_BUCKET_NAME", problem);
        Some(name)
    }

    /// Reads the DynamoDB table of the roster; `-` switches it off.
    pub(super) fn roster_table(&mut self) -> Option<String> {
        let table = self.text_or("IAM_USER_TABLE", "BCGOV_IAM_USER_TABLE");
        if table == "-" {
            return None;
        }
        let arn = table
            .strip_prefix("arn:")
            .and_then(|arn| arn.split_once(":table/"));
        let valid = is_resource_name(arn.map_or(table.as_str(), |(_, name)| name));
        let problem = "is not the name or ARN of a DynamoDB table; expected 1 to 255 characters A-Z a-z 0-9 . - _, or - to switch the roster off";
        self.require(valid, "IAM_USER_TABLE", problem);
        Some(table)
    }

    /// Reads the objects of the bucket. None may be another one.
    pub(super) fn objects(&mut self, name: String) -> BucketConfig {
        let bucket = BucketConfig {
            name,
            token_key: self.object_key("VAULT_TOKEN_S3_KEY", "vault-token.json"),
            state_prefix: self.object_prefix("SYNC_STATE_S3_PREFIX", "sync-state/"),
            targets_key: self.object_key("TARGETS_S3_KEY", "targets.json"),
            legacy_key: self.object_key("SYNC_STATE_S3_KEY", "sync-state.json"),
        };
        let apart = !bucket.token_key.starts_with(&bucket.state_prefix)
            && bucket.token_key != bucket.legacy_key;
        let problem = "names an object of the state, expected a key that is not below SYNC_STATE_S3_PREFIX and is not SYNC_STATE_S3_KEY";
        self.require(apart, "VAULT_TOKEN_S3_KEY", problem);
        let apart = !bucket.targets_key.starts_with(&bucket.state_prefix)
            && ![&bucket.token_key, &bucket.legacy_key].contains(&&bucket.targets_key);
        let problem = "names another object of the service, expected a key that is not below SYNC_STATE_S3_PREFIX and is neither VAULT_TOKEN_S3_KEY nor SYNC_STATE_S3_KEY";
        self.require(apart, "TARGETS_S3_KEY", problem);
        bucket
    }

    /// Reads the key of an object.
    fn object_key(&mut self, variable: &'static str, default: &str) -> String {
        let key = self.text_or(variable, default);
        let problem = "is not the key of an object; expected one such as vault-token.json, without a bucket and without a slash at its ends";
        let ends = key.starts_with('/') || key.ends_with('/');
        self.require(is_object_key(&key) && !ends, variable, problem);
        key
    }

    /// Reads the prefix of a group of objects.
    fn object_prefix(&mut self, variable: &'static str, default: &str) -> String {
        let prefix = self.text_or(variable, default);
        let valid = is_object_key(&prefix) && prefix.ends_with('/') && !prefix.starts_with('/');
        let problem = "is not a prefix with a slash at its end only, such as sync-state/";
        self.require(valid, variable, problem);
        prefix
    }
}

/// Returns whether a text can be the name of a bucket or of a table.
fn is_resource_name(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    (1..=255).contains(&text.len()) && text.chars().all(legal)
}

/// Returns whether a text can be the key of an object, or its beginning.
fn is_object_key(text: &str) -> bool {
    text.len() <= 1024 && !text.contains("://") && !text.chars().any(char::is_control)
}
