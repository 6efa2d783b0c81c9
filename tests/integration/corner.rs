//! A corner of the stack that belongs to one test: a bucket, a parameter prefix, a path in Vault, a token.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_ssm::types::ParameterType;
use serde_json::{Value, json};
use sha2::Digest;

use crate::function::Function;
use crate::proxy::Proxy;
use crate::stack::Stack;

/// A corner, and the clients that look into it.
pub struct Corner<'a> {
    /// The stack that it is a corner of.
    pub stack: &'a Stack,
    /// Its bucket.
    pub bucket: String,
    /// What its parameters' names begin with.
    pub prefix: String,
    /// Where its keys are in Vault, below the mount.
    pub folder: String,
    /// The AWS emulator's S3.
    pub s3: aws_sdk_s3::Client,
    /// And its DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    ssm: aws_sdk_ssm::Client,
    vault: reqwest::Client,
    /// The clients' way to an emulator that speaks TLS.
    _way: Option<Proxy>,
}

/// What every secret of these tests begins with.
const SENTINEL: &str = "SENTINEL/";

/// Fails when a text that was put out holds a secret key, or a token of Vault.
pub fn assert_holds_no_secret(place: &str, text: &str) {
    let word = |c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_' && c != '-';
    let is_token = |word: &str| {
        let rest = ["s.", "hvs.", "b.", "hvb."]
            .iter()
            .find_map(|prefix| word.strip_prefix(prefix));
        rest.is_some_and(|rest| rest.len() >= 24 && rest.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    let told = text.contains(SENTINEL) || text.split(word).any(is_token);
    // Whoever fails already has another complaint.
    assert!(
        !told || std::thread::panicking(),
        "{place} holds a secret: {text}"
    );
}

/// A key with a secret that no other test has.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub id: String,
    pub secret: String,
}

impl Key {
    /// A new one.
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

    /// As the predecessor's state records it.
    pub fn fingerprint(&self) -> String {
        let text = format!(
            r#"{{"accessKeyId":"{}","secretAccessKey":"{}"}}"#,
            self.id, self.secret
        );
        base16ct::lower::encode_string(&sha2::Sha256::digest(text))
    }

    /// As the platform writes it.
    pub fn document(&self) -> Value {
        json!({"AccessKeyID": self.id, "SecretAccessKey": self.secret})
    }
}

impl Corner<'static> {
    /// A new corner of the shared stack, with a periodic token in its bucket.
    pub async fn new() -> Self {
        Self::of(Stack::shared()).await
    }
}

impl<'a> Corner<'a> {
    /// A new corner of `stack`, with a periodic token in its bucket.
    pub async fn of(stack: &'a Stack) -> Self {
        let corner = Self::without_token(stack).await;
        corner.store_token(&stack.token("sync", "72h")).await;
        corner
    }

    /// A new corner of `stack` without a token.
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
        let way = match stack.about.pointer("/aws/caFile").and_then(Value::as_str) {
            Some(file) => {
                let authority = std::fs::read(file).unwrap();
                Some(
                    Proxy::start(stack.text("/aws/endpoint"), Some(authority), Duration::ZERO)
                        .await,
                )
            }
            None => None,
        };
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .credentials_provider(credentials)
            .region(aws_config::Region::new(stack.text("/aws/region")))
            .endpoint_url(
                way.as_ref()
                    .map_or_else(|| stack.text("/aws/endpoint"), |way| way.url.clone()),
            )
            .load()
            .await;
        let authority =
            reqwest::Certificate::from_pem(&std::fs::read(stack.text("/vault/caFile")).unwrap())
                .unwrap();
        let vault = reqwest::Client::builder()
            .tls_certs_only([authority])
            .no_proxy()
            .build()
            .unwrap();
        let corner = Self {
            stack,
            bucket: name,
            prefix,
            folder,
            s3: aws_sdk_s3::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            vault,
            _way: way,
        };
        let location = aws_sdk_s3::types::CreateBucketConfiguration::builder()
            .location_constraint("ca-central-1".into())
            .build();
        corner
            .s3
            .create_bucket()
            .bucket(&corner.bucket)
            .create_bucket_configuration(location)
            .send()
            .await
            .unwrap();
        corner
    }

    /// The function's environment in this corner.
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

    /// Starts the function here.
    pub async fn function(&self) -> Function {
        Function::start(&self.environment()).await
    }

    /// Starts the function here, with some variables set otherwise.
    pub async fn function_with(&self, variables: &[(&str, &str)]) -> Function {
        Function::start(&self.environment_with(variables)).await
    }

    /// The environment, with some variables set otherwise; an empty value counts as none.
    pub fn environment_with(&self, variables: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut environment = self.environment();
        for (name, value) in variables {
            environment.retain(|(known, _)| known != name);
            environment.push(((*name).to_owned(), (*value).to_owned()));
        }
        environment
    }

    /// The parameter of a user.
    pub fn parameter(&self, user: &str) -> String {
        format!("{}{user}_keys", self.prefix)
    }

    /// A change event of a user's parameter, as of now.
    pub fn event(&self, operation: &str, user: &str) -> Value {
        json!({
            "version": "0", "id": "8d5b2d4a-7d9e-4f0c-9d4e-2f7d3a1b5c6e", "source": "aws.ssm",
            "detail-type": "Parameter Store Change", "account": "123456789012", "region": "ca-central-1",
            "time": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "resources": [format!("arn:aws:ssm:ca-central-1:123456789012:parameter{}", self.parameter(user))],
            "detail": {"operation": operation, "name": self.parameter(user), "type": "SecureString"},
        })
    }

    /// Puts a parameter's value.
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

    /// Puts a new key as the current one.
    pub async fn rotate(&self, user: &str) -> Key {
        let key = Key::new();
        self.put(user, &json!({"current": key.document()}).to_string())
            .await;
        key
    }

    /// Rotates with both puts of the platform.
    pub async fn rotate_twice_put(&self, user: &str, old: &Key) -> Key {
        self.put(
            user,
            &json!({"pending_deletion": old.document()}).to_string(),
        )
        .await;
        let key = Key::new();
        self.put(
            user,
            &json!({"current": key.document(), "pending_deletion": old.document()}).to_string(),
        )
        .await;
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

    /// Version and time of a user's parameter.
    pub async fn revision(&self, user: &str) -> (i64, i64) {
        let parameter = self
            .ssm
            .get_parameter()
            .name(self.parameter(user))
            .send()
            .await
            .unwrap()
            .parameter
            .unwrap();
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
        self.s3
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .body(ByteStream::from(text.into_bytes()))
            .send()
            .await
            .unwrap();
    }

    /// The text of an object; `None` where there is none.
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

    /// A user's state object.
    pub async fn state(&self, user: &str) -> Option<Value> {
        let text = self
            .object(&format!("sync-state/users/{user}.json"))
            .await?;
        assert_holds_no_secret("the state", &text);
        Some(serde_json::from_str(&text).unwrap())
    }

    /// Asks Vault as root: status and body.
    pub async fn vault(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let request = self.vault.request(
            method,
            format!("{}/v1/{path}", self.stack.text("/vault/addr")),
        );
        let request = request
            .header("X-Vault-Token", self.stack.text("/vault/rootToken"))
            .timeout(Duration::from_mins(1));
        let request = match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (
            status,
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default(),
        )
    }

    /// Writes a policy of Vault.
    pub async fn policy(&self, name: &str, policy: &str) {
        let path = format!("sys/policies/acl/{name}");
        let (status, _) = self
            .vault(reqwest::Method::PUT, &path, Some(json!({"policy": policy})))
            .await;
        assert_eq!(status, 204);
    }

    /// Makes a Vault token of these properties, an orphan.
    pub async fn make_token(&self, properties: &Value) -> String {
        let (_, answer) = self
            .vault(
                reqwest::Method::POST,
                "auth/token/create-orphan",
                Some(properties.clone()),
            )
            .await;
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    /// Makes a Vault token of these properties, wrapped: it can be unwrapped once, within a minute.
    pub async fn wrapped_token(&self, properties: &Value) -> String {
        let request = self.vault.post(format!(
            "{}/v1/auth/token/create-orphan",
            self.stack.text("/vault/addr")
        ));
        let request = request.header("X-Vault-Token", self.stack.text("/vault/rootToken"));
        let request = request
            .header("X-Vault-Wrap-TTL", "60s")
            .body(properties.to_string());
        let answer = request.send().await.unwrap().bytes().await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        answer["wrap_info"]["token"].as_str().unwrap().to_owned()
    }

    /// Where a user's secret is, below `secret/data/`.
    pub fn path(&self, user: &str) -> String {
        format!("{}/{user}", self.folder)
    }

    /// The current key of a user in Vault, and its version.
    pub async fn key(&self, user: &str) -> Option<(Key, u64)> {
        self.version(user, None).await
    }

    /// A version of a user's key in Vault.
    pub async fn version(&self, user: &str, version: Option<u64>) -> Option<(Key, u64)> {
        let query = version
            .map(|version| format!("?version={version}"))
            .unwrap_or_default();
        let (status, body) = self
            .vault(
                reqwest::Method::GET,
                &format!("secret/data/{}{query}", self.path(user)),
                None,
            )
            .await;
        let text = |name| {
            body.pointer(&format!("/data/data/{name}"))
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
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
}

/// An SQS batch of events, each a message of this id and delivery.
pub fn batch(messages: &[(&str, u32, Value)]) -> Value {
    let records = messages.iter().map(|(id, delivery, body)| {
        json!({
            "messageId": id, "receiptHandle": "handle", "body": body.to_string(), "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": delivery.to_string(), "SentTimestamp": "1700000000000"},
            "messageAttributes": {}, "md5OfBody": "0", "awsRegion": "ca-central-1",
            "eventSourceARN": "arn:aws:sqs:ca-central-1:123456789012:queue",
        })
    });
    json!({"Records": records.collect::<Vec<_>>()})
}

/// The outcome of the only user of a report.
pub fn outcome(report: &Value) -> &str {
    report
        .pointer("/users/0/outcome")
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no report: {report}"))
}
