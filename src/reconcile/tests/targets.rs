//! Runs with a targets document.

use super::*;

fn store(memory: &Memory, document: &Value) {
    let mut inner = memory.inner();
    let etag = inner.next_etag();
    inner.document = Some((document.to_string(), etag));
}

fn document(users: &[String]) -> Value {
    let entry = |user: &String| {
        json!({
            "name": format!("/iam_users/{user}_keys"),
            "targets": [{"mount": "apps", "path": format!("prod/{user}/key")}],
        })
    };
    json!({"parameters": users.iter().map(entry).collect::<Vec<_>>()})
}

/// Returns backends on which these users are in sync, each with a target.
async fn targeted(users: usize, variables: &[(&str, &str)]) -> (Memory, Context<Memory>) {
    let memory = Memory::default();
    let ctx = memory.ctx(variables);
    store(&memory, &document(&names(users)));
    for user in names(users) {
        memory.put(&user, &value(&key_id("KEY", &user)), &days_ago(1));
        memory.inner().roster.push(user);
    }
    assert_eq!(run(&ctx).await.unwrap()["counts"]["written"], users);
    (memory, ctx)
}

#[tokio::test(start_paused = true)]
async fn users_who_are_removed_from_the_document_are_no_sign_of_a_broken_listing() {
    let users = names(10);
    for retired_before in [true, false] {
        let (memory, ctx) = targeted(10, &[]).await;
        for user in &users[..4] {
            memory.remove_user(user);
            if retired_before {
                assert_eq!(run(&ctx).await.unwrap()["counts"]["retired"], 1);
                let mut inner = memory.inner();
                let (record, _) = inner.record_of(user);
                record.retired_at = Some(Timestamp::now() - SignedDuration::from_hours(24 * 30));
            }
        }
        store(&memory, &document(&users[4..]));
        let report = run(&ctx).await.unwrap();
        assert_eq!(report["counts"]["failed"], 0, "{report}");
        memory.remove_user("user09");
        let report = run(&ctx).await.unwrap();
        assert_eq!(report["counts"]["retired"], 1, "{report}");
        assert!(memory.is_retired("user09"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_denied_secret_hides_no_drift_of_its_neighbours() {
    let users = names(2);
    let memory = Memory::default();
    let ctx = memory.ctx(&[("SYNC_CONCURRENCY", "1")]);
    let entry = |user: &String| {
        json!({
            "name": format!("/iam_users/{user}_keys"),
            "targets": [{"mount": "apps", "path": format!("prod/sync/{user}")}],
        })
    };
    let entries = users.iter().map(entry).collect::<Vec<_>>();
    store(&memory, &json!({"parameters": entries}));
    for user in &users {
        memory.put(user, &value(&key_id("KEY", user)), &days_ago(1));
        memory.inner().roster.push(user.clone());
    }
    assert_eq!(run(&ctx).await.unwrap()["counts"]["written"], 2);
    let by_hand = [("AWS_ACCESS_KEY_ID".to_owned(), "BY-HAND".to_owned())];
    memory
        .inner()
        .push_version("apps/prod/sync/user01", by_hand.into());
    memory.fail("vault-metadata", 1, denied);
    assert_eq!(run(&ctx).await.unwrap()["counts"]["written"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_long_run_does_not_undo_what_events_wrote_by_a_newer_document() {
    let users = names(12);
    let (memory, ctx) = targeted(12, &[("SYNC_CONCURRENCY", "1")]).await;
    let mut newer = document(&users);
    newer["fields"] = json!({"KEY": "{accessKeyId}"});
    memory.inner().latencies = vec![10];
    let other = memory.ctx(&[]);
    let last = UserName::parse("user11").unwrap();
    let event = async {
        tokio::time::sleep(Duration::from_secs(15)).await;
        store(&memory, &newer);
        let invocation = Invocation::new(&other, Instant::now() + Duration::from_hours(1), 1);
        let request = Request::new(last, ReadStrategy::Optimistic);
        crate::sync::sync_user(&invocation, request).await
    };
    let (report, _) = tokio::join!(run(&ctx), event);
    assert_eq!(report.unwrap()["counts"]["failed"], 0);
    let secret = memory.inner().secret("apps/prod/user11/key").unwrap();
    assert_eq!(secret.keys().collect::<Vec<_>>(), ["KEY"]);
}
