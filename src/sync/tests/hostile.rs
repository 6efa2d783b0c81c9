//! Hostile and rare situations, on backends in memory.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_recorded_after_a_move_is_written_once() {
    for variable in [
        ("VAULT_PATH_PREFIX", "aws/new"),
        ("VAULT_ADDR", "https://new.example.org"),
        ("VAULT_NAMESPACE", "team"),
        ("LOG_LEVEL", "info"),
    ] {
        let (memory, ctx) = warm().await;
        for _ in 0..4 {
            memory.inner().write_by_hand("alice");
        }
        let first = Request::new(UserName::parse("alice").unwrap(), ReadStrategy::VAULT_FIRST);
        assert_eq!(sync_one(&ctx, first).await.outcome(), Outcome::Written);
        assert_eq!(memory.state("alice").unwrap().vault_version, Some(6));
        memory.put("alice", &value("AKIA000000000NEW"), DAY_3);
        let ctx = memory.ctx(&[variable]);
        if variable.0 != "VAULT_PATH_PREFIX" {
            // A new server, or metadata that were deleted.
            memory.inner().vault.clear();
        }
        memory.fail("s3-save", 10, denied);
        for _ in 0..5 {
            assert_eq!(sync_alice(&ctx).await, Outcome::Failed);
        }
        let path = match variable.0 {
            "VAULT_PATH_PREFIX" => "secret/aws/new/alice",
            "VAULT_NAMESPACE" => "team:secret/aws/iam-keys/alice",
            _ => "secret/aws/iam-keys/alice",
        };
        let versions = memory.inner().vault[path].len();
        assert!(
            versions <= 1,
            "{variable:?}: {versions} versions of one key"
        );
    }
}

#[test]
fn a_former_path_has_only_characters_of_a_path() {
    let alice = UserName::parse("alice").unwrap();
    let location = crate::testing::results::location("aws/iam-keys/alice");
    for path in [
        "secret/%2e%2e/%2e%2e/auth/alice",
        "secret/a/.%2E/alice",
        "secret/a?b=/alice",
        "secret/a#/alice",
        "secret/a\\..\\..\\alice/alice",
        "secret/a\t/alice",
        "secret/.\t./.\t./auth/alice",
    ] {
        let state: SecretRecord = serde_json::from_value(serde_json::json!({
            "userName": "alice", "lastSecretHash": "00", "lastSyncedAt": DAY_1, "vaultVersion": 1,
            "vaultPath": path,
        }))
        .unwrap();
        let found = state.former_location(&location, &alice);
        assert!(found.is_none(), "{path}: {found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn five_syncs_by_operators_at_once_write_one_version() {
    let (memory, ctx) = rotated().await;
    memory.inner().latencies = vec![0];
    memory.inner().slow = Some(("s3-save", 1));
    let contexts = [(); 5].map(|()| memory.ctx(&[]));
    drop(ctx);
    let syncs = contexts.iter().map(|ctx| {
        let request = Request::new(UserName::parse("alice").unwrap(), ReadStrategy::VAULT_FIRST);
        sync_one(ctx, request)
    });
    let results = futures_util::future::join_all(syncs).await;
    let outcomes = results.iter().map(SyncResult::outcome).collect::<Vec<_>>();
    assert_eq!(memory.history("alice").len(), 2, "{outcomes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_sync_after_a_move_replaces_no_newer_key() {
    for variable in [
        ("VAULT_ADDR", "https://new.example.org"),
        ("VAULT_NAMESPACE", "team"),
    ] {
        let (memory, _) = warm().await;
        // The new server is empty; the recorded version is 1.
        memory.inner().vault.clear();
        let ctx = memory.ctx(&[variable]);
        let address = ctx
            .config
            .vault
            .address
            .as_str()
            .trim_end_matches('/')
            .to_owned();
        let namespace = ctx.config.vault.namespace.clone();
        // This process has read OLD. Right before its write, a rotation is synced by a faster one,
        // whose check-and-set with the recorded version was rejected, and which then wrote version 1.
        memory.before_call("vault-write", move |inner| {
            let (held, revision) = inner.parameters.get_mut("/iam_users/alice_keys").unwrap();
            *held = value("AKIA000000000NEW");
            *revision = Revision {
                modified: DAY_5.parse().unwrap(),
                version: revision.version + 2,
            };
            faster_sync(inner);
            let created_at = inner.created_at("secret/aws/iam-keys/alice", 1);
            let (state, _) = inner.record_of("alice");
            state.vault_version = Some(1);
            state.vault_created_at = Some(created_at);
            state.vault_address = Some(address.clone());
            state.vault_namespace = namespace.clone();
        });
        let outcome = sync_alice(&ctx).await;
        assert_eq!(
            memory.history("alice"),
            ["AKIA000000000NEW"],
            "{variable:?} {outcome:?}: an older key follows a newer one"
        );
    }
}
