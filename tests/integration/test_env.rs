//! The part of a stack that belongs to one test: a bucket, a parameter prefix and a Vault folder.

mod operator;
mod roster;
mod targets;
mod vault;

pub use vault::MANUAL_ID;

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketVersioningStatus, CreateBucketConfiguration, VersioningConfiguration,
};
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};
use sha2::Digest;

use crate::function::Function;
use crate::proxy::Proxy;
use crate::stack::Stack;

/// A test environment, with clients for its services.
pub struct TestEnv<'a> {
    /// The stack that it is a part of.
    pub stack: &'a Stack,
    /// Name of the bucket.
    pub bucket: String,
    /// Prefix of the parameter names.
    pub prefix: String,
    /// Folder of the keys in Vault, below the mount.
    pub folder: String,
    /// Client for S3 of the AWS emulator.
    pub s3: aws_sdk_s3::Client,
    /// Client for DynamoDB of the AWS emulator.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Client for IAM of the AWS emulator.
    iam: aws_sdk_iam::Client,
    ssm: aws_sdk_ssm::Client,
    vault: reqwest::Client,
    /// Proxy for the clients where the emulator speaks TLS.
    _tls_proxy: Option<Proxy>,
}

/// Prefix of every secret key of these tests.
const SENTINEL: &str = "SENTINEL/";

/// Fails when an output contains a secret key or a Vault token.
pub fn assert_no_secret(kind: &str, text: &str) {
    let separator = |c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_' && c != '-';
    let is_token = |word: &str| {
        let rest = ["s.", "hvs.", "b.", "hvb."]
            .iter()
            .find_map(|prefix| word.strip_prefix(prefix));
        rest.is_some_and(|rest| rest.len() >= 24 && rest.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    let leaks = text.contains(SENTINEL) || text.split(separator).any(is_token);
    // A second panic would abort the process and hide the first.
    assert!(
        !leaks || std::thread::panicking(),
        "{kind} contains a secret: {text}"
    );
}

/// An access key with a secret that is unique to a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub id: String,
    pub secret: String,
}

impl Key {
    /// Returns a new key.
    pub fn new() -> Self {
        Self {
            id: format!("AKIA{:016X}", fastrand::u64(..)),
            secret: format!(
                "{SENTINEL}{:016x}+{:016x}",
                fastrand::u64(..),
                fastrand::u64(..)
            ),
        }
    }

    /// Returns the fingerprint, as the legacy state records it.
    pub fn fingerprint(&self) -> String {
        let (id, secret) = (&self.id, &self.secret);
        let text = format!(r#"{{"accessKeyId":"{id}","secretAccessKey":"{secret}"}}"#);
        base16ct::lower::encode_string(&sha2::Sha256::digest(text))
    }

    /// Returns the key as the platform writes it into a parameter.
    pub fn document(&self) -> Value {
        json!({"AccessKeyID": self.id, "SecretAccessKey": self.secret})
    }
}

impl TestEnv<'static> {
    /// Returns a new environment in the shared stack, with a periodic token in its bucket.
    pub async fn new() -> Self {
        Self::of(Stack::shared()).await
    }
}

impl<'a> TestEnv<'a> {
    /// Returns a new environment in `stack`, with a periodic token in its bucket.
    pub async fn of(stack: &'a Stack) -> Self {
        let env = Self::without_token(stack).await;
        env.store_token(&stack.token("sync", "72h")).await;
        env
    }

    /// Returns a new environment in `stack` without a token.
    pub async fn without_token(stack: &'a Stack) -> Self {
        let name = format!("test-{:016x}", fastrand::u64(..));
        let (prefix, folder) = (format!("/{name}/"), format!("aws/iam-keys/{name}"));
        let credentials = aws_sdk_s3::config::Credentials::new(
            stack.text("/aws/accessKeyId"),
            stack.text("/aws/secretAccessKey"),
            None,
            None,
            "test",
        );
        let endpoint = stack.text("/aws/endpoint");
        let tls_proxy = match stack
            .description
            .pointer("/aws/caFile")
            .and_then(Value::as_str)
        {
            Some(file) => {
                let authority = Some(std::fs::read(file).unwrap());
                Some(Proxy::start(endpoint.clone(), authority, Duration::ZERO).await)
            }
            None => None,
        };
        let endpoint = tls_proxy
            .as_ref()
            .map_or(endpoint, |proxy| proxy.url.clone());
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .credentials_provider(credentials)
            .region(aws_config::Region::new(stack.text("/aws/region")))
            .endpoint_url(endpoint)
            .load()
            .await;
        let env = Self {
            stack,
            bucket: name,
            prefix,
            folder,
            s3: aws_sdk_s3::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            vault: stack.vault_client(),
            _tls_proxy: tls_proxy,
        };
        let location = CreateBucketConfiguration::builder();
        let location = location.location_constraint("ca-central-1".into()).build();
        let bucket = env.s3.create_bucket().bucket(&env.bucket);
        bucket
            .create_bucket_configuration(location)
            .send()
            .await
            .unwrap();
        env
    }

    /// Returns the environment variables of the function.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.stack.text("/aws/endpoint")),
            ("AWS_REGION", self.stack.text("/aws/region")),
            ("AWS_ACCESS_KEY_ID", self.stack.text("/aws/accessKeyId")),
            (
                "AWS_SECRET_ACCESS_KEY",
                self.stack.text("/aws/secretAccessKey"),
            ),
            ("VAULT_ADDR", self.stack.text("/vault/addr")),
            ("VAULT_CACERT", self.stack.text("/vault/caFile")),
            ("VAULT_PATH_PREFIX", self.folder.clone()),
            ("S3_BUCKET_NAME", self.bucket.clone()),
            ("SSM_PARAMETER_PREFIX", self.prefix.clone()),
            ("IAM_USER_TABLE", "-".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Returns the environment variables with some replaced; an empty value counts as unset.
    pub fn environment_with(&self, variables: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut environment = self.environment();
        for (name, value) in variables {
            environment.retain(|(known, _)| known != name);
            environment.push(((*name).to_owned(), (*value).to_owned()));
        }
        environment
    }

    /// Starts the function.
    pub async fn function(&self) -> Function {
        Function::start(&self.environment()).await
    }

    /// Starts the function with some variables replaced.
    pub async fn function_with(&self, variables: &[(&str, &str)]) -> Function {
        Function::start(&self.environment_with(variables)).await
    }

    /// Returns the name of a user's parameter.
    pub fn parameter(&self, user: &str) -> String {
        format!("{}{user}_keys", self.prefix)
    }

    /// Returns a change event of a user's parameter, with the current time.
    pub fn event(&self, operation: &str, user: &str) -> Value {
        let name = self.parameter(user);
        json!({
            "version": "0", "id": "8d5b2d4a-7d9e-4f0c-9d4e-2f7d3a1b5c6e", "source": "aws.ssm",
            "detail-type": "Parameter Store Change", "account": "123456789012",
            "region": "ca-central-1",
            "time": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "resources": [format!("arn:aws:ssm:ca-central-1:123456789012:parameter{name}")],
            "detail": {"operation": operation, "name": name, "type": "SecureString"},
        })
    }

    /// Puts a parameter.
    pub async fn put(&self, user: &str, value: &str) {
        let put = self
            .ssm
            .put_parameter()
            .name(self.parameter(user))
            .value(value)
            .overwrite(true);
        put.r#type(ParameterType::SecureString)
            .send()
            .await
            .unwrap();
    }

    /// Puts a parameter with a new current key.
    pub async fn rotate(&self, user: &str) -> Key {
        let key = Key::new();
        self.put(user, &json!({"current": key.document()}).to_string())
            .await;
        key
    }

    /// Rotates with two puts, as the platform does.
    pub async fn rotate_in_two_puts(&self, user: &str, old: &Key) -> Key {
        let pending = old.document();
        self.put(user, &json!({"pending_deletion": pending}).to_string())
            .await;
        let key = Key::new();
        let value = json!({"current": key.document(), "pending_deletion": pending});
        self.put(user, &value.to_string()).await;
        key
    }

    /// Deletes a parameter.
    pub async fn delete(&self, user: &str) {
        self.ssm
            .delete_parameter()
            .name(self.parameter(user))
            .send()
            .await
            .unwrap();
    }

    /// Returns version and modification time, in milliseconds, of a user's parameter.
    pub async fn revision(&self, user: &str) -> (i64, i64) {
        let read = self.ssm.get_parameter().name(self.parameter(user));
        let parameter = read.send().await.unwrap().parameter.unwrap();
        (
            parameter.version,
            parameter.last_modified_date.unwrap().to_millis().unwrap(),
        )
    }

    /// Stores a token object.
    pub async fn store_token(&self, token: &str) {
        self.store("vault-token.json", json!({"token": token}).to_string())
            .await;
    }

    /// Stores an object.
    pub async fn store(&self, key: &str, text: String) {
        let body = ByteStream::from(text.into_bytes());
        self.s3
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .body(body)
            .send()
            .await
            .unwrap();
    }

    /// Deletes a user's state object.
    pub async fn delete_state(&self, user: &str) {
        self.remove_object(&format!("sync-state/users/{user}.json"))
            .await;
    }

    /// Deletes an object.
    pub async fn remove_object(&self, key: &str) {
        let delete = self.s3.delete_object().bucket(&self.bucket).key(key);
        delete.send().await.unwrap();
    }

    /// Enables versioning of the bucket.
    pub async fn enable_versioning(&self) {
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled);
        let request = self.s3.put_bucket_versioning().bucket(&self.bucket);
        request
            .versioning_configuration(enabled.build())
            .send()
            .await
            .unwrap();
    }

    /// Returns the text of an object, if it exists.
    pub async fn object(&self, key: &str) -> Option<String> {
        let object = self
            .s3
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await
            .ok()?;
        Some(String::from_utf8(object.body.collect().await.unwrap().to_vec()).unwrap())
    }

    /// Returns an object as JSON.
    pub async fn json_object(&self, key: &str) -> Value {
        serde_json::from_str(&self.object(key).await.unwrap()).unwrap()
    }

    /// Returns a user's state object, if it exists.
    pub async fn state(&self, user: &str) -> Option<Value> {
        let text = self
            .object(&format!("sync-state/users/{user}.json"))
            .await?;
        assert_no_secret("the state object", &text);
        Some(serde_json::from_str(&text).unwrap())
    }
}

/// Returns an SQS batch of messages, each with an id, a delivery count and a body.
pub fn batch(messages: &[(&str, u32, Value)]) -> Value {
    let records = messages.iter().map(|(id, delivery, body)| {
        let count = delivery.to_string();
        json!({
            "messageId": id, "receiptHandle": "handle", "body": body.to_string(),
            "attributes": {"ApproximateReceiveCount": count, "SentTimestamp": "1700000000000"},
            "messageAttributes": {}, "md5OfBody": "0", "awsRegion": "ca-central-1",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:ca-central-1:123456789012:queue",
        })
    });
    json!({"Records": records.collect::<Vec<_>>()})
}

/// Returns the outcome of the only user of a report.
pub fn outcome(report: &Value) -> &str {
    let outcome = report.pointer("/users/0/outcome").and_then(Value::as_str);
    outcome.unwrap_or_else(|| panic!("no outcome in {report}"))
}

/// Returns the reason of the only user of a report.
pub fn reason(report: &Value) -> &str {
    let reason = report.pointer("/users/0/reason").and_then(Value::as_str);
    reason.unwrap_or_else(|| panic!("no reason in {report}"))
}
