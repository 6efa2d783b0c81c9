//! What every Vault answers, the real one and the one in memory alike.

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::backends::{CustomMetadata, MetadataPatchResult, PatchResult, Vault, WriteResult};
use crate::config::TargetDefaults;
use crate::keys::{AccessKey, UserName, VaultPath};
use crate::snapshot::{Cas, VaultView};
use crate::targets::{SecretFields, Target, Targets};

/// The secret of the key that is written.
pub const SENTINEL: &str = "SENTINEL/secret/of/the/test";

/// Returns the user whose key is written.
pub fn alice() -> UserName {
    UserName::parse("alice").unwrap()
}

/// Parses a document.
pub fn targets(document: &Value) -> Targets {
    let defaults = TargetDefaults::read(|_| None).unwrap();
    Targets::parse(document.to_string().as_bytes(), &defaults).unwrap()
}

/// Renders a target of alice.
pub fn render(target: &Target) -> SecretFields {
    let key = AccessKey::new("AKIAIOSFODNN7EXAMPLE".to_owned(), SENTINEL.into()).unwrap();
    target.render(&key, &alice(), Timestamp::UNIX_EPOCH)
}

/// Renders these templates.
pub fn fields(templates: &Value) -> SecretFields {
    let document = json!({"parameters": [{"name": "/iam_users/alice_keys",
        "targets": [{"mount": "m", "path": "p", "fields": templates}]}]});
    render(&targets(&document).for_user(&alice())[0])
}

/// Returns the mark of a version of the parameter.
pub fn mark(version: &str) -> CustomMetadata {
    let entries = [
        ("managed-by", "nr-iam-key-sync"),
        ("aws_parameter_version", version),
    ];
    entries
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// Returns the result without the time of the version, which each server must report.
pub fn untimed(result: WriteResult) -> WriteResult {
    match result {
        WriteResult::Written(version, time) => {
            assert!(time.is_some());
            WriteResult::Written(version, None)
        }
        WriteResult::CasMismatch => result,
    }
}

/// Like [`untimed`].
pub fn untimed_patch(result: PatchResult) -> PatchResult {
    match result {
        PatchResult::Written(version, time) => {
            assert!(time.is_some());
            PatchResult::Written(version, None)
        }
        other => other,
    }
}

/// Writes, changes, marks and deletes a secret that does not exist yet, `<folder>/<name>`.
pub async fn assert_answers_as_vault(vault: &impl Vault, token: &SecretString, path: &VaultPath) {
    let (folder, name) = path.path.rsplit_once('/').unwrap();
    let folder = VaultPath {
        path: folder.to_owned(),
        ..path.clone()
    };
    let one = fields(&json!({"accessKeyId": "{accessKeyId}", "secretAccessKey": "{userName}"}));
    let other = fields(&json!({"secretAccessKey": "{secretAccessKey}"}));
    let put = async |cas| untimed(vault.put(token, path, &one, cas).await.unwrap());
    let merge = async |version| {
        let removed = ["never".to_owned()];
        let answer = vault.patch(token, path, &other, &removed, version);
        untimed_patch(answer.await.unwrap())
    };
    let annotate = async |entries| vault.patch_metadata(token, path, &entries).await.unwrap();
    let metadata = async || vault.secret_metadata(token, path).await.unwrap();

    assert!(matches!(metadata().await.view, VaultView::Absent));
    assert_eq!(merge(1).await, PatchResult::Absent);
    assert_eq!(annotate(mark("1")).await, MetadataPatchResult::Absent);
    assert_eq!(put(Cas::Version(1)).await, WriteResult::CasMismatch);
    assert_eq!(put(Cas::Version(0)).await, WriteResult::Written(1, None));
    assert_eq!(put(Cas::Version(0)).await, WriteResult::CasMismatch);
    assert_eq!(merge(2).await, PatchResult::CasMismatch);
    assert_eq!(merge(1).await, PatchResult::Written(2, None));
    let key = vault.read(token, path).await.unwrap();
    assert!(
        format!("{key:?}").contains("AKIAIOSFODNN7EXAMPLE"),
        "{key:?}"
    );

    let owner = CustomMetadata::from([("owner".to_owned(), "team".to_owned())]);
    assert_eq!(annotate(owner.clone()).await, MetadataPatchResult::Done);
    assert_eq!(annotate(mark("1")).await, MetadataPatchResult::Done);
    assert_eq!(annotate(mark("2")).await, MetadataPatchResult::Done);
    let expected = mark("2")
        .into_iter()
        .chain(owner)
        .collect::<CustomMetadata>();
    assert_eq!(metadata().await.custom, expected);
    assert!(matches!(metadata().await.view, VaultView::At(2)));
    if let Some(secrets) = vault.folder_metadata(token, &folder).await.unwrap() {
        assert_eq!(secrets.len(), 1);
        assert_eq!(secrets[name].custom, expected);
        assert!(matches!(secrets[name].view, VaultView::At(2)));
    }

    vault.soft_delete(token, path, 2).await.unwrap();
    assert!(matches!(metadata().await.view, VaultView::Deleted(2)));
    assert_eq!(metadata().await.custom, expected, "the entries remain");
    assert_eq!(merge(2).await, PatchResult::Absent);
    assert_eq!(put(Cas::Version(0)).await, WriteResult::CasMismatch);
    assert_eq!(put(Cas::Version(2)).await, WriteResult::Written(3, None));
    assert_eq!(put(Cas::Unchecked).await, WriteResult::Written(4, None));
}

#[tokio::test(start_paused = true)]
async fn vault_in_memory_answers_as_the_real_one() {
    let memory = super::memory::Memory::default();
    let _ = memory.ctx(&[]);
    memory.inner().lists_metadata = true;
    let path = VaultPath {
        namespace: Some("team".to_owned()),
        mount: "secret".to_owned(),
        path: "a/b".to_owned(),
    };
    assert_answers_as_vault(&memory, &"token".into(), &path).await;
    let secret = memory.inner().secret("team:secret/a/b").unwrap();
    assert_eq!(secret["secretAccessKey"], "alice");
    memory.inner().without_patch = true;
    let (token, one) = ("token".into(), fields(&json!({"A": "a"})));
    let answer = memory.patch(&token, &path, &one, &[], 4).await;
    assert_eq!(answer.unwrap(), PatchResult::Unsupported);
}
