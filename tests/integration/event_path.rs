//! Single users through the real binary: every row of the table that an event can meet.

use serde_json::{Value, json};

use crate::corner::{Corner, batch, outcome};

#[tokio::test]
async fn a_new_key_is_in_vault_with_all_its_fields_and_recorded() {
    let corner = Corner::new().await;
    let function = corner.function().await;
    let key = corner.rotate("alice").await;
    let report = function
        .invoke(&corner.event("Create", "alice"))
        .await
        .unwrap();
    assert_eq!(outcome(&report), "written");
    assert_eq!(corner.key("alice").await.unwrap(), (key.clone(), 1));
    let (_, secret) = corner
        .vault(
            reqwest::Method::GET,
            &format!("secret/data/{}", corner.path("alice")),
            None,
        )
        .await;
    let fields = secret.pointer("/data/data").unwrap().as_object().unwrap();
    assert_eq!(
        fields.keys().collect::<Vec<_>>(),
        ["accessKeyId", "secretAccessKey", "syncedAt", "userName"]
    );
    assert_eq!(fields["userName"], "alice");
    assert!(
        fields["syncedAt"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .is_ok()
    );
    let (version, modified) = corner.revision("alice").await;
    let state = corner.state("alice").await.unwrap();
    assert_eq!(state["parameterVersion"], version);
    let recorded: jiff::Timestamp = state["parameterLastModified"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(recorded.as_millisecond(), modified);
    assert_eq!(
        (&state["accessKeyId"], &state["vaultVersion"]),
        (&json!(key.id), &json!(1))
    );
    assert_eq!(
        state["vaultPath"],
        format!("secret/{}", corner.path("alice"))
    );
    assert!(
        !state.to_string().contains(&key.secret),
        "the state holds a fingerprint, not the secret"
    );
}

#[tokio::test]
async fn a_rotation_of_two_puts_is_held_and_then_written() {
    let corner = Corner::new().await;
    let function = corner.function().await;
    let old = corner.rotate("alice").await;
    function
        .invoke(&corner.event("Create", "alice"))
        .await
        .unwrap();
    corner
        .put(
            "alice",
            &json!({"pending_deletion": old.document()}).to_string(),
        )
        .await;
    let answer = function
        .invoke(&batch(&[("m1", 1, corner.event("Update", "alice"))]))
        .await
        .unwrap();
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": "m1"}]})
    );
    assert_eq!(
        corner.key("alice").await.unwrap(),
        (old.clone(), 1),
        "Vault keeps the last good key"
    );
    let new = corner.rotate("alice").await;
    let events = [
        ("m1", 2, corner.event("Update", "alice")),
        ("m2", 1, corner.event("Update", "alice")),
    ];
    let answer = function.invoke(&batch(&events)).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert_eq!(corner.key("alice").await.unwrap(), (new, 2));
}

#[tokio::test]
async fn duplicates_and_old_events_change_nothing() {
    let corner = Corner::new().await;
    let function = corner.function().await;
    corner.rotate("alice").await;
    let event = corner.event("Create", "alice");
    assert_eq!(outcome(&function.invoke(&event).await.unwrap()), "written");
    for _ in 0..3 {
        assert_eq!(
            outcome(&function.invoke(&event).await.unwrap()),
            "unchanged"
        );
    }
    assert_eq!(corner.key("alice").await.unwrap().1, 1);
}

#[tokio::test]
async fn a_parameter_made_again_starts_at_version_1_and_still_counts_as_newer() {
    let corner = Corner::new().await;
    let function = corner.function().await;
    for _ in 0..3 {
        corner.rotate("alice").await;
    }
    function
        .invoke(&corner.event("Update", "alice"))
        .await
        .unwrap();
    corner.delete("alice").await;
    let again = corner.rotate("alice").await;
    assert_eq!(corner.revision("alice").await.0, 1);
    let report = function
        .invoke(&corner.event("Create", "alice"))
        .await
        .unwrap();
    assert_eq!(outcome(&report), "written");
    assert_eq!(corner.key("alice").await.unwrap(), (again, 2));
}

#[tokio::test]
async fn a_deleted_user_is_retired_and_a_user_who_comes_back_is_written() {
    let corner = Corner::new().await;
    let function = corner.function().await;
    let key = corner.rotate("alice").await;
    function
        .invoke(&corner.event("Create", "alice"))
        .await
        .unwrap();
    corner.delete("alice").await;
    let deletion = corner.event("Delete", "alice");
    assert_eq!(
        outcome(&function.invoke(&deletion).await.unwrap()),
        "retired"
    );
    assert_eq!(
        corner.key("alice").await.unwrap(),
        (key, 1),
        "retain is the default"
    );
    assert!(corner.state("alice").await.unwrap()["retiredAt"].is_string());
    assert_eq!(
        outcome(&function.invoke(&deletion).await.unwrap()),
        "unchanged"
    );
    let back = corner.rotate("alice").await;
    assert_eq!(
        outcome(
            &function
                .invoke(&corner.event("Create", "alice"))
                .await
                .unwrap()
        ),
        "written"
    );
    assert_eq!(corner.key("alice").await.unwrap(), (back, 2));
    assert!(
        corner
            .state("alice")
            .await
            .unwrap()
            .get("retiredAt")
            .is_none()
    );
}

#[tokio::test]
async fn soft_delete_takes_the_key_away_recoverably() {
    let corner = Corner::new().await;
    let function = corner
        .function_with(&[("ON_USER_DELETED", "soft-delete")])
        .await;
    let key = corner.rotate("alice").await;
    function
        .invoke(&corner.event("Create", "alice"))
        .await
        .unwrap();
    corner.delete("alice").await;
    assert_eq!(
        outcome(
            &function
                .invoke(&corner.event("Delete", "alice"))
                .await
                .unwrap()
        ),
        "retired"
    );
    assert_eq!(corner.key("alice").await, None);
    let undelete = Some(json!({"versions": [1]}));
    corner
        .vault(
            reqwest::Method::POST,
            &format!("secret/undelete/{}", corner.path("alice")),
            undelete,
        )
        .await;
    assert_eq!(corner.key("alice").await.unwrap(), (key, 1));
}

#[tokio::test]
async fn every_legal_character_of_a_parameter_name_reaches_vault() {
    let corner = Corner::new().await;
    let function = corner.function().await;
    for user in ["x_keys", "...", "a.b-c_D9", &"m".repeat(64)] {
        let key = corner.rotate(user).await;
        let report = function
            .invoke(&corner.event("Create", user))
            .await
            .unwrap();
        assert_eq!(outcome(&report), "written", "{user}");
        assert_eq!(corner.key(user).await.unwrap(), (key, 1), "{user}");
    }
}

#[tokio::test]
async fn hostile_names_touch_nothing() {
    let corner = Corner::new().await;
    let function = corner.function().await;
    for user in ["", ".", "..", "a/b", "%2e%2e", &"m".repeat(65)] {
        let answer = function
            .invoke(&corner.event("Create", user))
            .await
            .unwrap();
        assert!(answer["ignored"].is_string(), "{user:?}: {answer}");
        let error = function
            .invoke(&json!({"action": "sync", "users": [user]}))
            .await
            .unwrap_err();
        assert_eq!(error["errorType"], "BadEvent", "{user:?}");
    }
    let report = function
        .invoke(&json!({"action": "sync", "users": ["jo@x+y=z,w"]}))
        .await
        .unwrap();
    assert_eq!(
        outcome(&report),
        "missing",
        "legal for IAM, but no parameter can have the name"
    );
}

#[tokio::test]
async fn bad_parameters_fail_by_name_and_leave_the_last_good_key() {
    let corner = Corner::new().await;
    let function = corner.function().await;
    let good = corner.rotate("alice").await;
    function
        .invoke(&corner.event("Create", "alice"))
        .await
        .unwrap();
    for bad in [
        "sentinel",
        "[]",
        r#"{"current": "sentinel"}"#,
        r#"{"current": {"AccessKeyID": "sentinel", "SecretAccessKey": ""}}"#,
    ] {
        corner.put("alice", bad).await;
        let error = function
            .invoke(&corner.event("Update", "alice"))
            .await
            .unwrap_err();
        assert_eq!(error["errorType"], "SyncFailed");
        let message = error["errorMessage"].as_str().unwrap();
        assert!(
            message.starts_with("alice: BadParameter: ") && !message.contains("sentinel"),
            "{message}"
        );
    }
    assert_eq!(corner.key("alice").await.unwrap(), (good, 1));
}

#[tokio::test]
async fn a_damaged_state_object_is_replaced() {
    let corner = Corner::new().await;
    let function = corner.function().await;
    corner.rotate("alice").await;
    function
        .invoke(&corner.event("Create", "alice"))
        .await
        .unwrap();
    for damaged in ["{", "[]", r#"{"userName": "bob"}"#] {
        corner
            .store("sync-state/users/alice.json", damaged.to_owned())
            .await;
        let report = function
            .invoke(&json!({"action": "sync", "users": ["alice"]}))
            .await
            .unwrap();
        assert_eq!(outcome(&report), "written", "{damaged}");
        assert_eq!(corner.state("alice").await.unwrap()["userName"], "alice");
    }
}

/// A user whose key the predecessor has written, and its state, which knows that.
async fn left_by_the_predecessor(corner: &Corner<'_>, user: &str) {
    let key = corner.rotate(user).await;
    let state = json!({"userName": user, "lastSecretHash": key.fingerprint(), "lastSyncedAt": "2025-12-31T08:00:00.000Z"});
    let state = json!({"lastRunAt": "2025-12-31T08:00:00.000Z", "users": {user: state}});
    corner.store("sync-state.json", state.to_string()).await;
    let data =
        json!({"data": {"accessKeyId": key.id, "secretAccessKey": key.secret, "userName": user}});
    corner
        .vault(
            reqwest::Method::POST,
            &format!("secret/data/{}", corner.path(user)),
            Some(data),
        )
        .await;
}

#[tokio::test]
async fn the_predecessors_state_is_taken_over_without_a_write() {
    let corner = Corner::new().await;
    left_by_the_predecessor(&corner, "alice").await;
    let function = corner.function().await;
    let report = function
        .invoke(&json!({"action": "sync", "users": ["alice"]}))
        .await
        .unwrap();
    assert_eq!(outcome(&report), "unchanged");
    assert_eq!(
        corner.key("alice").await.unwrap().1,
        1,
        "nothing was written"
    );
    assert_eq!(
        corner.state("alice").await.unwrap()["vaultVersion"],
        1,
        "but the version is known now"
    );
    let rotated = corner.rotate("alice").await;
    assert_eq!(
        outcome(
            &function
                .invoke(&corner.event("Update", "alice"))
                .await
                .unwrap()
        ),
        "written"
    );
    assert_eq!(corner.key("alice").await.unwrap(), (rotated, 2));
}

#[tokio::test]
async fn a_state_of_the_predecessor_that_is_copied_later_is_noticed_by_the_next_sweep() {
    let corner = Corner::new().await;
    let function = corner.function().await;
    corner.rotate("bob").await;
    assert_eq!(
        outcome(
            &function
                .invoke(&corner.event("Create", "bob"))
                .await
                .unwrap()
        ),
        "written"
    );
    left_by_the_predecessor(&corner, "alice").await;
    let report = function
        .invoke(&json!({"action": "reconcile"}))
        .await
        .unwrap();
    assert_eq!(
        (&report["counts"]["unchanged"], &report["counts"]["written"]),
        (&json!(2), &json!(0)),
        "{report}"
    );
    assert_eq!(
        corner.key("alice").await.unwrap().1,
        1,
        "nothing was written"
    );
}

#[tokio::test]
async fn basic_mode_needs_no_bucket() {
    let corner = Corner::new().await;
    let policy = json!({"policy": format!("path \"secret/data/aws/iam-keys/*\" {{ capabilities = [\"create\", \"update\", \"read\"] }}")});
    corner
        .vault(reqwest::Method::PUT, "sys/policies/acl/basic", Some(policy))
        .await;
    let body = Some(json!({"policies": ["basic"], "period": "24h"}));
    let (_, token) = corner
        .vault(reqwest::Method::POST, "auth/token/create-orphan", body)
        .await;
    let token = token
        .pointer("/auth/client_token")
        .and_then(Value::as_str)
        .unwrap();
    let function = corner
        .function_with(&[("S3_BUCKET_NAME", ""), ("VAULT_TOKEN", token)])
        .await;
    let sync = json!({"action": "sync", "users": ["alice"]});
    let key = corner.rotate("alice").await;
    assert_eq!(outcome(&function.invoke(&sync).await.unwrap()), "written");
    assert_eq!(outcome(&function.invoke(&sync).await.unwrap()), "unchanged");
    assert_eq!(corner.key("alice").await.unwrap(), (key, 1));
    corner
        .vault(
            reqwest::Method::POST,
            &format!("secret/delete/{}", corner.path("alice")),
            Some(json!({"versions": [1]})),
        )
        .await;
    assert_eq!(
        outcome(&function.invoke(&sync).await.unwrap()),
        "written",
        "a deleted key is written again"
    );
    corner.rotate("alice").await;
    assert_eq!(outcome(&function.invoke(&sync).await.unwrap()), "written");
    assert_eq!(corner.key("alice").await.unwrap().1, 3);
}

#[tokio::test]
async fn a_wrong_configuration_fails_each_invocation_by_name() {
    let corner = Corner::new().await;
    let function = corner
        .function_with(&[
            ("VAULT_ADDR", "http://vault.example.org"),
            ("SYNC_CONCURRENCY", "many"),
        ])
        .await;
    let error = function
        .invoke(&corner.event("Create", "alice"))
        .await
        .unwrap_err();
    assert_eq!(error["errorType"], "BadConfiguration");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(
        message.contains("VAULT_ADDR: ") && message.contains("SYNC_CONCURRENCY: "),
        "{message}"
    );
    let lines = function.lines_with(|line| line["level"] == "ERROR").await;
    let errors = lines.iter().filter(|line| line["level"] == "ERROR").count();
    assert_eq!(errors, 1, "an error is logged once: {lines:#?}");
}

#[tokio::test]
async fn logs_are_json_lines_with_request_id_and_metrics_are_emf() {
    let corner = Corner::new().await;
    let function = corner.function().await;
    corner.rotate("alice").await;
    function
        .invoke(&corner.event("Create", "alice"))
        .await
        .unwrap();
    let lines = function.lines_with(|line| line.get("_aws").is_some()).await;
    assert_eq!(
        lines.len(),
        function.lines().len(),
        "every line is JSON: {:#?}",
        function.lines()
    );
    let line = lines.iter().find(|line| line["user"] == "alice").unwrap();
    for field in [
        "timestamp",
        "level",
        "requestId",
        "outcome",
        "reason",
        "millis",
        "message",
    ] {
        assert!(line.get(field).is_some(), "{field} in {line}");
    }
    let metrics = lines
        .iter()
        .find(|line| line.get("_aws").is_some())
        .unwrap();
    assert_eq!(
        (&metrics["Written"], &metrics["Function"]),
        (&json!(1), &json!("test-function"))
    );
    assert!(
        metrics["EventToVaultSeconds"]
            .as_f64()
            .is_some_and(|seconds| (0.0..60.0).contains(&seconds)),
        "{metrics}"
    );
    assert!(
        metrics["VaultTokenHoursLeft"]
            .as_f64()
            .is_some_and(|hours| (71.0..=72.0).contains(&hours)),
        "{metrics}"
    );
}
