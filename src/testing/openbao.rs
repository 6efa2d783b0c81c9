//! The Vault adapter with a real OpenBao: what it answers decides what is done next.
//!
//! `make unit` leaves these tests out, because they need a server; `make integration` runs them.

#[path = "../../tests/integration/stack.rs"]
#[expect(dead_code, reason = "the integration tests use the rest")]
mod stack;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::contract::{
    SENTINEL, alice, assert_answers_as_vault, fields, mark, render, targets, untimed, untimed_patch,
};
use crate::backends::vault::VaultServer;
use crate::backends::{MetadataPatchResult, PatchResult, Vault, WriteResult};
use crate::config::Config;
use crate::error::Error;
use crate::keys::VaultPath;
use crate::policy::VaultPolicy;
use crate::snapshot::{Cas, VaultView};
use crate::targets::Targets;
use stack::Stack;

/// The policy of the Vault of the Natural Resource Ministries, for one mount.
const MINISTRIES: &str = r#"
path "MOUNT/data/prod/+/+/aws-ssm-sync/+"     { capabilities = ["create", "update", "patch"] }
path "MOUNT/metadata/prod/+/+/aws-ssm-sync/+" { capabilities = ["create", "read", "list", "update", "patch"] }
"#;

/// The server of all tests, with a mount of its own for each.
struct Bao {
    server: VaultServer,
    stack: &'static Stack,
    http: reqwest::Client,
    mount: String,
}

impl Bao {
    async fn new() -> Self {
        static STACK: OnceLock<Stack> = OnceLock::new();
        let stack = STACK.get_or_init(|| Stack::start(&["--only", "vault"]));
        let (address, ca) = (stack.text("/vault/addr"), stack.text("/vault/caFile"));
        let bao = Self {
            server: server(&address, &ca),
            stack,
            http: stack.vault_client(),
            mount: format!("kv-{:016x}", fastrand::u64(..)),
        };
        bao.enable(&bao.mount, "2", None).await;
        bao
    }

    /// Enables a KV engine, and waits until it answers.
    async fn enable(&self, mount: &str, version: &str, namespace: Option<&str>) {
        let body = json!({"type": "kv", "options": {"version": version}});
        let path = format!("sys/mounts/{mount}");
        let status = self.root_in(namespace, Method::POST, &path, &body).await.0;
        assert_eq!(status, 204);
        let config = format!("{mount}/config");
        while version == "2"
            && self
                .root_in(namespace, Method::GET, &config, &Value::Null)
                .await
                .0
                != 200
        {
            tokio::task::yield_now().await;
        }
    }

    /// Sends a request with the root token.
    async fn root(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        self.root_in(None, method, path, body).await
    }

    async fn root_in(
        &self,
        namespace: Option<&str>,
        method: Method,
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        let url = format!("{}/v1/{path}", self.stack.text("/vault/addr"));
        let token = self.stack.text("/vault/rootToken");
        let request = self.http.request(method, url);
        let request = request
            .header("X-Vault-Token", token)
            .header("X-Vault-Namespace", namespace.unwrap_or_default());
        let request = match body {
            Value::Null => request,
            body => request.body(body.to_string()),
        };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Creates a token with exactly this policy, beside the `default` policy.
    async fn token(&self, policy: &str) -> SecretString {
        let name = &self.mount;
        let path = format!("sys/policies/acl/{name}");
        let (status, _) = self
            .root(Method::PUT, &path, &json!({"policy": policy}))
            .await;
        assert_eq!(status, 204, "{policy}");
        let body = json!({"policies": [name], "ttl": "5m"});
        let create = "auth/token/create-orphan";
        let (_, answer) = self.root(Method::POST, create, &body).await;
        answer["auth"]["client_token"].as_str().unwrap().into()
    }

    fn root_token(&self) -> SecretString {
        self.stack.text("/vault/rootToken").into()
    }

    fn path(&self, path: &str) -> VaultPath {
        VaultPath {
            namespace: None,
            mount: self.mount.clone(),
            path: path.to_owned(),
        }
    }

    /// Returns the fields of a secret and its version.
    async fn secret(&self, path: &VaultPath) -> (Value, u64) {
        let url = format!("{}/data/{}", path.mount, path.path);
        let namespace = path.namespace.as_deref();
        let (_, body) = self
            .root_in(namespace, Method::GET, &url, &Value::Null)
            .await;
        let version = body["data"]["metadata"]["version"].as_u64().unwrap();
        (body["data"]["data"].clone(), version)
    }

    /// Writes a secret as an operator would.
    async fn write_by_hand(&self, path: &VaultPath, data: &Value) {
        let url = format!("{path}").replacen('/', "/data/", 1);
        let (status, _) = self.root(Method::POST, &url, &json!({"data": data})).await;
        assert_eq!(status, 200);
    }
}

fn server(address: &str, ca_file: &str) -> VaultServer {
    let config = Config::read(|name| match name {
        "VAULT_ADDR" => Some(address.to_owned()),
        "VAULT_CACERT" => Some(ca_file.to_owned()),
        "VAULT_TOKEN" => Some("not-used".to_owned()),
        _ => None,
    });
    VaultServer::new(&config.unwrap().vault).unwrap()
}

#[tokio::test]
async fn vault_answers_as_the_one_in_memory() {
    let bao = Bao::new().await;
    assert_answers_as_vault(&bao.server, &bao.root_token(), &bao.path("a/b")).await;
}

#[tokio::test]
async fn put_replaces_a_secret_under_check_and_set() {
    let bao = Bao::new().await;
    let (token, path) = (bao.root_token(), bao.path("a/b"));
    let put = async |templates: Value, cas| {
        let fields = fields(&templates);
        untimed(bao.server.put(&token, &path, &fields, cas).await.unwrap())
    };
    let one = json!({"ID": "{accessKeyId}", "file": "[a]\nkey={secretAccessKey}\n"});
    assert_eq!(
        put(one.clone(), Cas::Version(0)).await,
        WriteResult::Written(1, None)
    );
    assert_eq!(
        put(one.clone(), Cas::Version(0)).await,
        WriteResult::CasMismatch
    );
    let expected = json!({"ID": "AKIAIOSFODNN7EXAMPLE", "file": format!("[a]\nkey={SENTINEL}\n")});
    assert_eq!(bao.secret(&path).await, (expected, 1));
    let other = json!({"é \"x\"": "\u{1F511} {userName}"});
    assert_eq!(
        put(other, Cas::Version(1)).await,
        WriteResult::Written(2, None)
    );
    assert_eq!(
        bao.secret(&path).await,
        (json!({"é \"x\"": "\u{1F511} alice"}), 2)
    );
    assert_eq!(
        put(one, Cas::Unchecked).await,
        WriteResult::Written(3, None)
    );
}

#[tokio::test]
async fn put_requests_the_path_with_its_special_characters() {
    let bao = Bao::new().await;
    let token = bao.root_token();
    for name in [
        "a b/c",
        "é/ü",
        "50%/x?y#z",
        "%2e%2e/x",
        "a\\b",
        "..a/.b",
        "data/metadata",
    ] {
        let path = bao.path(name);
        let one = fields(&json!({"A": name}));
        let answer = bao.server.put(&token, &path, &one, Cas::Version(0)).await;
        assert_eq!(
            untimed(answer.unwrap()),
            WriteResult::Written(1, None),
            "{name}"
        );
        let patched = bao.server.patch(&token, &path, &one, &[], 1).await;
        assert_eq!(
            untimed_patch(patched.unwrap()),
            PatchResult::Written(2, None),
            "{name}"
        );
        let (folder, last) = name.rsplit_once('/').unwrap_or(("", name));
        let folder = bao.path(folder);
        let secrets = bao.server.folder_metadata(&token, &folder).await.unwrap();
        let views = secrets.unwrap();
        assert!(
            matches!(views[last].view, VaultView::At(2)),
            "{name}: {views:?}"
        );
    }
}

#[tokio::test]
async fn patch_changes_and_removes_only_its_own_fields() {
    let bao = Bao::new().await;
    let (token, path) = (bao.root_token(), bao.path("a/b"));
    bao.write_by_hand(&path, &json!({"URL": "x", "KEY": "old", "GONE": "old"}))
        .await;
    let new = fields(&json!({"KEY": "{secretAccessKey}", "ADDED": "{userName}"}));
    let removed = ["GONE".to_owned(), "NEVER".to_owned(), "KEY".to_owned()];
    let merge = async |version| {
        let answer = bao.server.patch(&token, &path, &new, &removed, version);
        untimed_patch(answer.await.unwrap())
    };
    assert_eq!(merge(2).await, PatchResult::CasMismatch);
    assert_eq!(merge(1).await, PatchResult::Written(2, None));
    let expected = json!({"URL": "x", "KEY": SENTINEL, "ADDED": "alice"});
    assert_eq!(bao.secret(&path).await, (expected, 2));
    assert_eq!(merge(1).await, PatchResult::CasMismatch);
}

#[tokio::test]
async fn patch_of_an_absent_or_deleted_secret_is_absent() {
    let bao = Bao::new().await;
    let (token, path) = (bao.root_token(), bao.path("a/b"));
    let new = fields(&json!({"A": "{accessKeyId}"}));
    let merge = async |version| {
        let answer = bao.server.patch(&token, &path, &new, &[], version);
        untimed_patch(answer.await.unwrap())
    };
    assert_eq!(merge(1).await, PatchResult::Absent);
    bao.write_by_hand(&path, &json!({"B": "b"})).await;
    bao.server.soft_delete(&token, &path, 1).await.unwrap();
    assert_eq!(merge(1).await, PatchResult::Absent);
    let write = bao.server.put(&token, &path, &new, Cas::Version(1)).await;
    assert_eq!(
        untimed(write.unwrap()),
        WriteResult::Written(2, None),
        "a deletion keeps the version"
    );
    let destroy = format!("{}/destroy/a/b", bao.mount);
    bao.root(Method::PUT, &destroy, &json!({"versions": [2]}))
        .await;
    assert_eq!(merge(2).await, PatchResult::Absent);
    let metadata = bao.server.secret_metadata(&token, &path).await.unwrap();
    assert!(
        matches!(metadata.view, VaultView::Deleted(2)),
        "{metadata:?}"
    );
}

#[tokio::test]
async fn patch_without_the_capability_is_denied_with_both_remedies() {
    let bao = Bao::new().await;
    let path = bao.path("a/b");
    bao.write_by_hand(&path, &json!({"B": "b"})).await;
    let mount = &bao.mount;
    let policy = format!(r#"path "{mount}/data/*" {{ capabilities = ["create", "update"] }}"#);
    let token = bao.token(&policy).await;
    let new = fields(&json!({"A": "{secretAccessKey}"}));
    let error = bao
        .server
        .patch(&token, &path, &new, &[], 1)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!(
            "changing the key in Vault at {mount}/a/b: denied; check that the token is valid \
             (`keysync token show`), then allow patch on the path's data (`keysync policy vault \
             --targets FILE`), or set \"merge\": false for the target"
        )
    );
    let error = bao
        .server
        .patch_metadata(&token, &path, &mark("1"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("allow patch on the path's metadata"),
        "{error}"
    );
    assert_eq!(
        bao.secret(&path).await,
        (json!({"B": "b"}), 1),
        "nothing is written"
    );
}

#[tokio::test]
async fn patch_is_unsupported_by_an_older_engine() {
    let bao = Bao::new().await;
    let old = format!("{}-v1", bao.mount);
    bao.enable(&old, "1", None).await;
    let path = VaultPath {
        mount: old,
        ..bao.path("a")
    };
    let (token, new) = (bao.root_token(), fields(&json!({"A": "a"})));
    let data = bao.server.patch(&token, &path, &new, &[], 1).await;
    assert_eq!(data.unwrap(), PatchResult::Unsupported);
    let metadata = bao.server.patch_metadata(&token, &path, &mark("1")).await;
    assert_eq!(metadata.unwrap(), MetadataPatchResult::Unsupported);
}

#[tokio::test]
async fn patch_of_metadata_keeps_other_entries_and_writes_no_version() {
    let bao = Bao::new().await;
    let (token, path) = (bao.root_token(), bao.path("a/b"));
    let merge = async |version: &str| {
        let mark = mark(version);
        let answer = bao.server.patch_metadata(&token, &path, &mark).await;
        answer.unwrap()
    };
    assert_eq!(merge("1").await, MetadataPatchResult::Absent);
    bao.write_by_hand(&path, &json!({"B": "b"})).await;
    let url = format!("{}/metadata/a/b", bao.mount);
    let hand = json!({"max_versions": 7, "custom_metadata": {"owner": "team", "managed-by": "x"}});
    bao.root(Method::POST, &url, &hand).await;
    assert_eq!(merge("3").await, MetadataPatchResult::Done);
    assert_eq!(merge("4").await, MetadataPatchResult::Done);
    let metadata = bao.server.secret_metadata(&token, &path).await.unwrap();
    let mut expected = mark("4");
    expected.insert("owner".to_owned(), "team".to_owned());
    assert_eq!(metadata.custom, expected);
    assert!(matches!(metadata.view, VaultView::At(1)), "{metadata:?}");
    let (_, body) = bao.root(Method::GET, &url, &Value::Null).await;
    assert_eq!(body["data"]["max_versions"], 7);
    let folder = bao
        .server
        .folder_metadata(&token, &bao.path("a"))
        .await
        .unwrap();
    assert_eq!(folder.unwrap()["b"].custom, expected);
}

#[tokio::test]
async fn metadata_of_a_folder_leaves_out_folders_in_it() {
    let bao = Bao::new().await;
    let token = bao.root_token();
    for name in ["a/b", "a/c/d", "a/b/e"] {
        bao.write_by_hand(&bao.path(name), &json!({"B": "b"})).await;
    }
    let secrets = bao
        .server
        .folder_metadata(&token, &bao.path("a"))
        .await
        .unwrap();
    let secrets = secrets.unwrap();
    assert_eq!(secrets.keys().collect::<Vec<_>>(), ["b"]);
    assert!(matches!(secrets["b"].view, VaultView::At(1)));
    let absent = bao
        .server
        .folder_metadata(&token, &bao.path("x"))
        .await
        .unwrap();
    assert!(absent.is_none(), "{absent:?}");
}

#[tokio::test]
async fn metadata_of_an_absent_or_unmarked_secret_has_no_entries() {
    let bao = Bao::new().await;
    let (token, path) = (bao.root_token(), bao.path("a/b"));
    let absent = bao.server.secret_metadata(&token, &path).await.unwrap();
    assert!(matches!(absent.view, VaultView::Absent) && absent.custom.is_empty());
    bao.write_by_hand(&path, &json!({"B": "b"})).await;
    let unmarked = bao.server.secret_metadata(&token, &path).await.unwrap();
    assert!(matches!(unmarked.view, VaultView::At(1)) && unmarked.custom.is_empty());
}

/// Creates a namespace with the mount; returns its name.
async fn new_namespace(bao: &Bao) -> String {
    let namespace = format!("team-{:08x}", fastrand::u32(..));
    let create = format!("sys/namespaces/{namespace}");
    let (status, body) = bao.root(Method::PUT, &create, &json!({})).await;
    assert_eq!(status, 200, "{body}");
    bao.enable(&bao.mount, "2", Some(&namespace)).await;
    namespace
}

#[tokio::test]
async fn namespace_of_a_path_is_where_its_secret_is() {
    let bao = Bao::new().await;
    let namespace = new_namespace(&bao).await;
    let (token, root) = (bao.root_token(), bao.path("a/b"));
    let path = VaultPath {
        namespace: Some(namespace),
        ..root.clone()
    };
    assert_answers_as_vault(&bao.server, &token, &path).await;
    let absent = bao.server.secret_metadata(&token, &root).await.unwrap();
    assert!(matches!(absent.view, VaultView::Absent), "{absent:?}");
}

#[tokio::test]
async fn patch_without_an_answer_is_neither_done_nor_refused() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let server = server(&address, "");
    let path = VaultPath {
        namespace: None,
        mount: "m".to_owned(),
        path: "p".to_owned(),
    };
    let (token, new) = (
        SecretString::from("t"),
        fields(&json!({"A": "{secretAccessKey}"})),
    );
    let data = server.patch(&token, &path, &new, &[], 1).await.unwrap_err();
    let metadata = server
        .patch_metadata(&token, &path, &mark("1"))
        .await
        .unwrap_err();
    for error in [data, metadata] {
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert!(!error.to_string().contains(SENTINEL), "{error}");
    }
}

/// Serves this answer to each request on loopback; returns the address.
fn serve(status: &str, body: &str) -> String {
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut vec![0; 65536]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[tokio::test]
async fn removal_that_vault_did_not_answer_is_unknown() {
    let path = VaultPath {
        namespace: None,
        mount: "m".to_owned(),
        path: "p".to_owned(),
    };
    let (token, none) = (
        SecretString::from("t"),
        crate::targets::SecretFields::default(),
    );
    let removed = ["A".to_owned()];
    for (status, answer) in [
        ("404 Not Found", "<html></html>"),
        ("404 Not Found", r#"{"message":"no Route matched"}"#),
        ("404 Not Found", r#"{"errors":["no handler for route"]}"#),
        ("200 OK", "<html></html>"),
    ] {
        let server = server(&serve(status, answer), "");
        let patched = server.patch(&token, &path, &none, &removed, 3).await;
        assert!(patched.is_err(), "{answer}: {patched:?}");
        let marked = server.patch_metadata(&token, &path, &mark("1")).await;
        assert!(marked.is_err(), "{answer}: {marked:?}");
        let deleted = server.soft_delete(&token, &path, 3).await;
        assert!(deleted.is_err(), "{answer}: {deleted:?}");
    }
}

/// Takes over, rotates, marks and removes each target of alice.
async fn exercise(bao: &Bao, token: &SecretString, targets: &Targets) -> Result<(), String> {
    let mark_key = targets.version_mark().map(str::to_owned);
    for target in targets.for_user(&alice()) {
        let path = &target.location;
        let failed = |error: Error| format!("{path}: {error}");
        let written = bao
            .server
            .put(token, path, &render(&target), Cas::Version(0))
            .await;
        if untimed(written.map_err(failed)?) != WriteResult::Written(1, None) {
            return Err(format!("{path}: the secret exists"));
        }
        let again = bao
            .server
            .put(token, path, &render(&target), Cas::Version(1))
            .await;
        let mut version = match again.map_err(failed)? {
            WriteResult::Written(version, _) => version,
            WriteResult::CasMismatch => return Err(format!("{path}: another version")),
        };
        if target.merge {
            let merge = bao
                .server
                .patch(token, path, &render(&target), &[], version)
                .await;
            match merge.map_err(failed)? {
                PatchResult::Written(written, _) => version = written,
                other => return Err(format!("{path}: {other:?}")),
            }
        }
        if mark_key.is_some() {
            let marked = bao.server.patch_metadata(token, path, &mark("1")).await;
            if marked.map_err(failed)? != MetadataPatchResult::Done {
                return Err(format!("{path}: no mark"));
            }
        }
        let metadata = bao
            .server
            .secret_metadata(token, path)
            .await
            .map_err(failed)?;
        if metadata.view.version() != Some(version) {
            return Err(format!("{path}: {metadata:?}"));
        }
        let (folder, name) = path.path.rsplit_once('/').unwrap();
        let folder = VaultPath {
            path: folder.to_owned(),
            ..path.clone()
        };
        let secrets = bao
            .server
            .folder_metadata(token, &folder)
            .await
            .map_err(failed)?;
        if let Some(secrets) = secrets
            && secrets[name].view.version() != Some(version)
        {
            return Err(format!("{path}: another version in the folder"));
        }
        if !target.merge {
            let deleted = bao.server.soft_delete(token, path, version).await;
            deleted.map_err(failed)?;
        }
    }
    Ok(())
}

/// Returns a document whose targets are below a folder.
fn document(mount: &str, folder: &str) -> Value {
    json!({"parameters": [{"name": "/iam_users/alice_keys", "targets": [
        {"mount": mount, "path": format!("{folder}/s3")},
        {"mount": mount, "path": format!("{folder}/smtp"), "merge": false},
    ]}]})
}

fn policy(targets: &Targets) -> VaultPolicy {
    let config = Config::read(|name| match name {
        "VAULT_ADDR" => Some("https://vault.example.org".to_owned()),
        "S3_BUCKET_NAME" => Some("bucket".to_owned()),
        "ON_USER_DELETED" => Some("soft-delete".to_owned()),
        _ => None,
    });
    VaultPolicy::of_targets(targets, &config.unwrap())
}

#[tokio::test]
async fn policy_of_targets_suffices_and_all_of_it_is_needed() {
    let bao = Bao::new().await;
    let of = |folder: &str| targets(&document(&bao.mount, folder));
    let full = of("full");
    let token = bao.token(&policy(&full).to_hcl()).await;
    assert_eq!(exercise(&bao, &token, &full).await, Ok(()));
    let all: BTreeMap<String, Value> = {
        let rules = serde_json::to_value(policy(&full)).unwrap();
        serde_json::from_value(rules["path"].clone()).unwrap()
    };
    let mut count = 0;
    for (path, rule) in all {
        for capability in rule["capabilities"].as_array().unwrap() {
            if path.contains("/detailed-metadata/") {
                continue; // Without it each secret is read separately.
            }
            count += 1;
            let folder = format!("without-{count}");
            let reduced = of(&folder);
            let mut rules = serde_json::to_value(policy(&reduced)).unwrap();
            let rule = &mut rules["path"][path.replace("full", &folder)]["capabilities"];
            rule.as_array_mut()
                .unwrap()
                .retain(|kept| kept != capability);
            let token = bao.token(&rules.to_string()).await;
            let result = exercise(&bao, &token, &reduced).await;
            assert!(result.is_err(), "{capability} on {path} is not needed");
        }
    }
    assert_eq!(count, 10);
}

#[tokio::test]
async fn policy_of_the_ministries_suffices_without_reading_values() {
    let bao = Bao::new().await;
    let mut document = document(&bao.mount, "prod/mail/relay/aws-ssm-sync");
    document["parameters"][0]["targets"][1]["merge"] = json!(true);
    let targets = targets(&document);
    let token = bao.token(&MINISTRIES.replace("MOUNT", &bao.mount)).await;
    assert_eq!(exercise(&bao, &token, &targets).await, Ok(()));
    let path = &targets.for_user(&alice())[0].location;
    let read = bao.server.read(&token, path).await.unwrap_err();
    assert!(matches!(read, Error::Denied { .. }), "{read:?}");
}

#[tokio::test]
async fn policy_of_targets_in_a_namespace_below_lets_its_capabilities_be_read() {
    let bao = Bao::new().await;
    let namespace = new_namespace(&bao).await;
    let mut document = document(&bao.mount, "full");
    document["namespace"] = json!(namespace);
    let targets = targets(&document);
    let token = bao.token(&policy(&targets).to_hcl()).await;
    let found = crate::capabilities::Capabilities::of(&bao.server, &token, &targets).await;
    let found = found.unwrap();
    assert_eq!(found.unwritable, []);
    assert!(
        found.metadata && found.marks == Some(true) && !found.reads,
        "{found:?}"
    );
}
