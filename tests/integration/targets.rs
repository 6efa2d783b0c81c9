//! Keys published as a targets document says, under the policy of a ministry's Vault, which grants
//! no read and no delete on data.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stack::Stack;
use crate::test_env::{Key, TestEnv};

/// The policy of the Vault of the Natural Resource Ministries, for one mount.
const POLICY: &str = r#"
path "MOUNT/data/prod/+/+/aws-ssm-sync/+" {
  capabilities = ["create", "update", "patch"]
}
path "MOUNT/metadata/prod/+/+/aws-ssm-sync/+" {
  capabilities = ["create", "read", "list", "update", "patch"]
}
"#;

/// An environment with a mount for its targets, and a token with exactly that policy.
pub struct Ministry {
    pub env: TestEnv<'static>,
    pub mount: String,
}

impl Ministry {
    pub async fn new() -> Self {
        let env = TestEnv::without_token(Stack::shared()).await;
        let mount = format!("apps-{:08x}", fastrand::u32(..));
        let body = json!({"type": "kv", "options": {"version": "2"}});
        let (status, _) = env
            .vault(Method::POST, &format!("sys/mounts/{mount}"), Some(body))
            .await;
        assert_eq!(status, 204);
        let policy = POLICY.replace("MOUNT", &mount);
        env.store_token(&env.token_with_policy(&policy).await).await;
        let ministry = Self { env, mount };
        ministry.wait_for_upgrade().await;
        ministry
    }

    /// A new mount of version 2 is upgraded in the background, and rejects requests meanwhile.
    async fn wait_for_upgrade(&self) {
        for _ in 0..100 {
            let path = format!("{}/config", self.mount);
            if self.env.vault(Method::GET, &path, None).await.0 == 200 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the mount is not upgraded");
    }

    /// Returns a target by the last segment of its path.
    pub fn target(&self, name: &str) -> Value {
        json!({"mount": self.mount, "path": format!("prod/mail/relay/aws-ssm-sync/{name}")})
    }

    /// Returns an entry of a targets document.
    pub fn entry(&self, user: &str, targets: &[Value]) -> Value {
        json!({"name": self.env.parameter(user), "targets": targets})
    }

    /// Stores a targets document with these entries.
    pub async fn store(&self, entries: &[Value]) {
        let document = json!({"region": "ca-central-1", "parameters": entries});
        self.env.store("targets.json", document.to_string()).await;
    }

    fn path(&self, kind: &str, name: &str) -> String {
        format!("{}/{kind}/prod/mail/relay/aws-ssm-sync/{name}", self.mount)
    }

    /// Returns the fields of a secret, and its version.
    pub async fn secret(&self, name: &str) -> Option<(Value, u64)> {
        let (status, body) = self
            .env
            .vault(Method::GET, &self.path("data", name), None)
            .await;
        (status == 200).then(|| {
            let version = body["data"]["metadata"]["version"].as_u64();
            (body["data"]["data"].clone(), version.unwrap())
        })
    }

    /// Returns the version of a secret after checking that it holds this key, under default names.
    pub async fn version_with(&self, name: &str, key: &Key) -> u64 {
        let (fields, version) = self.secret(name).await.expect("the secret exists");
        let found = (
            &fields["AWS_ACCESS_KEY_ID"],
            &fields["AWS_SECRET_ACCESS_KEY"],
        );
        assert_eq!(found, (&json!(key.id), &json!(key.secret)), "{name}");
        version
    }

    /// Writes a secret as a person or another tool does.
    pub async fn write(&self, name: &str, fields: Value) {
        let body = Some(json!({"data": fields}));
        let (status, _) = self
            .env
            .vault(Method::POST, &self.path("data", name), body)
            .await;
        assert_eq!(status, 200);
    }

    /// Changes one field of a secret, as a person does.
    pub async fn edit(&self, name: &str, field: &str, value: &str) {
        let (mut fields, _) = self.secret(name).await.unwrap();
        fields[field] = value.into();
        self.write(name, fields).await;
    }

    /// Marks a secret as the scheduled job does.
    pub async fn mark(&self, name: &str, version: i64) {
        let mark = json!({"aws_parameter_version": version.to_string()});
        let body = Some(json!({"custom_metadata": mark}));
        let (status, _) = self
            .env
            .vault(Method::POST, &self.path("metadata", name), body)
            .await;
        assert_eq!(status, 204);
    }

    /// Returns the entries of a secret's `custom_metadata`.
    pub async fn marks(&self, name: &str) -> Value {
        let path = self.path("metadata", name);
        let (_, body) = self.env.vault(Method::GET, &path, None).await;
        body["data"]["custom_metadata"].clone()
    }

    /// Writes a secret as the scheduled job does, beside a field that a person maintains.
    pub async fn write_as_job(&self, name: &str, user: &str, key: &Key) {
        let fields = json!({
            "AWS_ACCESS_KEY_ID": key.id, "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_DEFAULT_REGION": "ca-central-1", "DATABASE_URL": "postgres://db",
        });
        self.write(name, fields).await;
        self.mark(name, self.env.revision(user).await.0).await;
    }

    async fn reconcile(&self) -> Value {
        let function = self.env.function().await;
        let payload = json!({"action": "reconcile", "force": true});
        function.invoke(&payload).await.unwrap()
    }
}

#[tokio::test]
async fn targets_of_the_scheduled_job_are_taken_over_and_left_as_it_expects_them() {
    let ministry = Ministry::new().await;
    let env = &ministry.env;
    let key = env.rotate("mailer").await;
    ministry.write_as_job("s3", "mailer", &key).await;
    let targets = [ministry.target("s3"), ministry.target("backup")];
    ministry.store(&[ministry.entry("mailer", &targets)]).await;

    let report = ministry.reconcile().await;
    assert_eq!(
        (&report["counts"]["unchanged"], &report["counts"]["written"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        ministry.version_with("s3", &key).await,
        1,
        "taken over without a version"
    );
    assert_eq!(ministry.version_with("backup", &key).await, 1);

    let function = env.function().await;
    let key = env.rotate_in_two_puts("mailer", &key).await;
    let report = function
        .invoke(&env.event("Update", "mailer"))
        .await
        .unwrap();
    assert_eq!(report["counts"]["written"], 2, "{report}");
    let lines = function.lines();
    for name in ["s3", "backup"] {
        assert_eq!(ministry.version_with(name, &key).await, 2);
        let target = format!("\"target\":\"{}", ministry.mount);
        let of_target = |line: &&String| line.contains(&target) && line.contains(name);
        assert!(lines.iter().any(|line| of_target(&line)), "{lines:#?}");
        let marks = ministry.marks(name).await;
        let (version, _) = env.revision("mailer").await;
        assert_eq!(
            marks["aws_parameter_version"],
            version.to_string(),
            "the job skips it"
        );
        assert_eq!(marks["managed-by"], "nr-iam-key-sync");
        assert_eq!(marks["vault_version"], "2");
    }
    let (fields, _) = ministry.secret("s3").await.unwrap();
    assert_eq!(
        fields["DATABASE_URL"], "postgres://db",
        "the neighbour is kept"
    );

    // A change by hand is repaired once, and an edit of the neighbour costs one version.
    ministry.edit("s3", "AWS_ACCESS_KEY_ID", "by hand").await;
    ministry.edit("backup", "OWNER", "a person").await;
    let report = ministry.reconcile().await;
    assert_eq!(report["counts"]["written"], 2, "{report}");
    for name in ["s3", "backup"] {
        assert_eq!(ministry.version_with(name, &key).await, 4);
    }
    assert_eq!(
        ministry.secret("backup").await.unwrap().0["OWNER"],
        "a person"
    );
    assert_eq!(ministry.reconcile().await["counts"]["unchanged"], 2);

    let doctor = env.keysync_line("doctor --json", &[]).await.json();
    let checks = doctor.as_array().unwrap().iter();
    let status =
        |name: &str| checks.clone().find(|check| check["name"] == name).unwrap()["status"].clone();
    for name in [
        "targets",
        "vault-mount",
        "policy-write",
        "policy-read",
        "policy-metadata",
    ] {
        assert_eq!(status(name), "pass", "{doctor}");
    }
}

#[tokio::test]
async fn targets_beyond_ten_parameters_are_all_written() {
    let ministry = Ministry::new().await;
    let mut entries = Vec::new();
    let mut keys = Vec::new();
    for n in 0..12 {
        let user = format!("user{n:02}");
        keys.push(ministry.env.rotate(&user).await);
        entries.push(ministry.entry(&user, &[ministry.target(&user)]));
    }
    ministry.store(&entries).await;
    assert_eq!(ministry.reconcile().await["counts"]["written"], 12);
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(ministry.version_with(&format!("user{n:02}"), key).await, 1);
    }
}

#[tokio::test]
async fn targets_of_two_entries_with_one_name_are_all_written() {
    let ministry = Ministry::new().await;
    let key = ministry.env.rotate("mailer").await;
    let entries = ["a", "b"].map(|name| ministry.entry("mailer", &[ministry.target(name)]));
    ministry.store(&entries).await;
    assert_eq!(ministry.reconcile().await["counts"]["written"], 2);
    for name in ["a", "b"] {
        assert_eq!(ministry.version_with(name, &key).await, 1);
    }
}

#[tokio::test]
async fn targets_after_a_parameter_without_a_key_are_written() {
    let ministry = Ministry::new().await;
    ministry.env.put("first", "{}").await;
    let key = ministry.env.rotate("second").await;
    let entries = ["first", "second"].map(|user| ministry.entry(user, &[ministry.target(user)]));
    ministry.store(&entries).await;
    let report = ministry.reconcile().await;
    let counts = &report["counts"];
    assert_eq!(
        (&counts["held"], &counts["written"]),
        (&json!(1), &json!(1)),
        "{report}"
    );
    assert_eq!(ministry.version_with("second", &key).await, 1);
    assert!(ministry.secret("first").await.is_none());
}

#[tokio::test]
async fn targets_of_a_missing_parameter_are_reported_by_an_exit_code() {
    let ministry = Ministry::new().await;
    ministry
        .store(&[ministry.entry("gone", &[ministry.target("gone")])])
        .await;
    let output = ministry.env.keysync_line("sync gone --json", &[]).await;
    assert_eq!(output.code, 1, "{output:?}");
    assert_eq!(output.json()["users"][0]["outcome"], "missing");
}

#[tokio::test]
async fn targets_that_are_changed_meanwhile_are_not_overwritten_unseen() {
    let ministry = Ministry::new().await;
    let old = ministry.env.rotate("mailer").await;
    ministry
        .store(&[ministry.entry("mailer", &[ministry.target("s3")])])
        .await;
    let function = ministry.env.function().await;
    let event = ministry.env.event("Update", "mailer");
    function.invoke(&event).await.unwrap();
    assert_eq!(ministry.version_with("s3", &old).await, 1);
    // Not recorded, so the next write has an old version to compare with.
    ministry.edit("s3", "DATABASE_URL", "postgres://db").await;
    let key = ministry.env.rotate("mailer").await;
    let report = function
        .invoke(&ministry.env.event("Update", "mailer"))
        .await
        .unwrap();
    assert_eq!(report["counts"]["written"], 1, "{report}");
    assert_eq!(ministry.version_with("s3", &key).await, 3);
    assert_eq!(
        ministry.secret("s3").await.unwrap().0["DATABASE_URL"],
        "postgres://db"
    );
}

#[tokio::test]
async fn targets_of_another_tool_are_taken_over_by_an_operator() {
    let ministry = Ministry::new().await;
    let env = &ministry.env;
    let key = env.rotate("mailer").await;
    ministry
        .write("s3", json!({"AWS_ACCESS_KEY_ID": "theirs"}))
        .await;
    let path = ministry.path("metadata", "s3");
    let body = json!({"custom_metadata": {"managed-by": "external-secrets"}});
    env.vault(Method::POST, &path, Some(body)).await;
    ministry
        .store(&[ministry.entry("mailer", &[ministry.target("s3")])])
        .await;
    let function = env.function().await;
    let report = ministry.reconcile().await;
    assert_eq!(report["counts"]["foreign"], 1, "{report}");
    let answer = function
        .invoke(&json!({"action": "sync", "users": ["mailer"]}))
        .await
        .unwrap();
    assert_eq!(answer["counts"]["foreign"], 1, "{answer}");
    let output = env.keysync_line("sync mailer --adopt", &[]).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(ministry.version_with("s3", &key).await, 2);
    assert_eq!(ministry.marks("s3").await["managed-by"], "nr-iam-key-sync");
    let output = env.keysync_line("status mailer", &[]).await;
    assert_eq!(output.code, 0, "{output:?}");
}

#[tokio::test]
async fn targets_document_that_is_refused_or_lost_changes_nothing_until_it_is_back() {
    let ministry = Ministry::new().await;
    let env = &ministry.env;
    let old = env.rotate("mailer").await;
    let entries = [ministry.entry("mailer", &[ministry.target("s3")])];
    ministry.store(&entries).await;
    let function = env.function().await;
    function
        .invoke(&env.event("Create", "mailer"))
        .await
        .unwrap();
    let key = env.rotate("mailer").await;
    for document in [Some("{\"parameters\": ["), Some("{\"regoin\": 1}"), None] {
        match document {
            Some(document) => env.store("targets.json", document.to_owned()).await,
            None => env.remove_object("targets.json").await,
        }
        let error = function
            .invoke(&env.event("Update", "mailer"))
            .await
            .unwrap_err();
        let message = error["errorMessage"].as_str().unwrap();
        assert!(message.contains("targets.json"), "{document:?}: {message}");
        assert_eq!(ministry.version_with("s3", &old).await, 1);
        assert_eq!(
            env.list(&env.folder).await,
            [""; 0],
            "no key at the default path"
        );
    }
    ministry.store(&entries).await;
    let report = function
        .invoke(&env.event("Update", "mailer"))
        .await
        .unwrap();
    assert_eq!(report["counts"]["written"], 1, "the same process: {report}");
    assert_eq!(ministry.version_with("s3", &key).await, 2);
}
