//! Hostile and rare situations, on backends in memory.

use super::*;

fn with_state(memory: &Memory, user: &str, change: impl FnOnce(&mut SecretRecord)) {
    change(memory.inner().record_of(user).0);
}

fn delete_event(user: &str, time: &str) -> Value {
    json!({
        "source": "aws.ssm", "detail-type": "Parameter Store Change", "time": time,
        "detail": {"operation": "Delete", "name": format!("/iam_users/{user}_keys"), "type": "SecureString"},
    })
}

#[tokio::test(start_paused = true)]
async fn a_blind_run_beside_an_empty_vault_is_incomplete() {
    for variables in [
        vec![("IAM_USER_TABLE", "-")],
        vec![
            ("IAM_USER_TABLE", "-"),
            ("VAULT_ADDR", "https://new.example.org"),
        ],
        vec![("IAM_USER_TABLE", "-"), ("VAULT_MOUNT", "other")],
    ] {
        let (memory, _) = in_sync(20, &[]).await;
        let ctx = memory.ctx(&variables);
        memory.inner().vault.clear();
        memory.inner().parameters.clear();
        let (answer, metrics) = run_and_measure(&ctx).await;
        assert_eq!(
            metrics["SweepCompleted"], 0,
            "{variables:?} {answer:?} {metrics}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_deployment_on_one_bucket_runs_and_is_shown() {
    let (memory, first) = in_sync(3, &[]).await;
    let second = memory.ctx(&[("VAULT_PATH_PREFIX", "aws/second")]);
    let mut shown = Vec::new();
    for _night in 0..3 {
        change_record(&memory, |record| {
            record.started_at = Timestamp::now() - SignedDuration::from_hours(24);
        });
        for ctx in [&first, &second] {
            let (_, metrics) = run_if_due(ctx).await;
            shown.push(metrics["RewrittenAgain"].as_u64().unwrap());
        }
    }
    assert_eq!(shown, [0, 0, 3, 3, 3, 3]);
    assert!(
        memory
            .inner()
            .vault
            .contains_key("secret/aws/second/user00")
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_after_a_lost_bucket_reads_each_parameter_once_more_only() {
    let (memory, ctx) = in_sync(25, &[]).await;
    for user in names(25) {
        memory.inner().write_by_hand(&user);
        memory.inner().write_by_hand(&user);
    }
    memory.inner().states.clear();
    memory.inner().calls.clear();
    run(&ctx).await.unwrap();
    let reads = memory.calls("ssm-read");
    assert!(reads <= 25, "{reads} reads of 25 users");
}

#[tokio::test(start_paused = true)]
async fn a_late_delete_event_with_a_stale_read_spares_a_legacy_state() {
    let (memory, ctx) = in_sync(
        2,
        &[("ON_USER_DELETED", "soft-delete"), ("IAM_USER_TABLE", "-")],
    )
    .await;
    let state = memory.state("user00").unwrap();
    memory.inner().states.remove("user00");
    memory.inner().legacy.insert(
        "user00".into(),
        SecretRecord {
            access_key_id: None,
            parameter_version: None,
            parameter_last_modified: None,
            vault_version: None,
            vault_path: None,
            vault_address: None,
            ..state
        },
    );
    memory.delete("user00");
    let (answer, _) = run_with(&ctx, delete_event("user00", &days_ago(2)), 60).await;
    assert_eq!(memory.history("user00"), ["AKIA000KEYUSER00"], "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn every_length_of_run_reaches_every_user() {
    let mut never = Vec::new();
    for list in [false, true] {
        for seconds in 16..60 {
            let all = names(12).join(",");
            let mut variables = vec![("SYNC_CONCURRENCY", "1")];
            if list {
                variables.push(("IAM_USER_LIST", &all));
            }
            let (memory, ctx) = in_sync(12, &variables).await;
            rotate(&memory, &names(12));
            let is_left = |user: &&String| memory.history(user).len() < 2;
            let left = || names(12).iter().filter(is_left).count();
            for _ in 0..60 {
                let _ = run_with(&ctx, forced(), seconds).await;
                if left() == 0 {
                    break;
                }
            }
            if left() > 0 {
                never.push((list, seconds, left()));
            }
        }
    }
    assert!(never.is_empty(), "{never:?}");
}

#[tokio::test(start_paused = true)]
async fn a_user_superseded_beside_a_failed_one_keeps_the_age() {
    let (memory, ctx) = in_sync(3, &[]).await;
    let (mut newer, now) = (memory.state("user00").unwrap(), Timestamp::now());
    newer.parameter_last_modified = Some(now + SignedDuration::from_mins(5));
    newer.last_synced_at = now + SignedDuration::from_mins(5);
    with_state(&memory, "user00", |state| *state = newer);
    memory.put("user00", &value("AKIA000000000NEW"), &days_ago(1));
    memory.put("user01", "no JSON", &days_ago(0));
    let (_, metrics) = run_and_measure(&ctx).await;
    assert_eq!(metrics["Superseded"], 1, "{metrics}");
    memory.put("user01", &value("AKIA000000000TWO"), &days_ago(0));
    let (_, metrics) = run_if_due(&ctx).await;
    assert!(metrics["OldestUnsyncedHours"].is_null() || metrics["OldestUnsyncedHours"] != 0);
}

#[tokio::test(start_paused = true)]
async fn denied_deletions_are_not_counted_as_deletions() {
    let (memory, ctx) = in_sync(20, &[("ON_USER_DELETED", "soft-delete")]).await;
    memory.fail("vault-delete", 99, denied);
    let mut reasons = Vec::new();
    for user in names(4) {
        memory.remove_user(&user);
        let (answer, _) = run_with(&ctx, delete_event(&user, &days_ago(0)), 60).await;
        reasons.push(answer.unwrap_err().to_string());
    }
    assert!(
        !reasons[3].contains("hour"),
        "no key was deleted: {reasons:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_trigger_overrules_an_old_record_and_comes_to_rest() {
    for (case, variables) in [
        ("event", vec![]),
        ("sync", vec![]),
        ("reconcile", vec![]),
        ("reconcile-listed", vec![]),
        ("reconcile", vec![("IAM_USER_LIST", "user00")]),
        ("named", vec![]),
        ("event-hidden", vec![]),
        ("reconcile-hidden", vec![]),
        ("event-unrecorded", vec![]),
    ] {
        let (memory, ctx) = in_sync(1, &variables).await;
        memory.inner().lists_metadata = case == "reconcile-listed";
        memory.put("user00", &value("AKIA000000000NEW"), &days_ago(5));
        with_state(&memory, "user00", |state| {
            state.last_synced_at = Timestamp::now() - SignedDuration::from_hours(1);
        });
        if case.ends_with("hidden") {
            memory.fail("vault-metadata", 99, denied);
        }
        if case.ends_with("unrecorded") {
            memory.fail("s3-save", 1, denied);
        }
        let payload = match case {
            "sync" => json!({"action": "sync", "users": ["user00"]}),
            "named" => json!({"action": "reconcile", "users": ["user00"]}),
            case if case.starts_with("event") => json!({
                "source": "aws.ssm", "detail-type": "Parameter Store Change", "time": days_ago(5),
                "detail": {"operation": "Update", "name": "/iam_users/user00_keys", "type": "SecureString"},
            }),
            _ => forced(),
        };
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(run_with(&ctx, payload.clone(), 600).await.0);
        }
        assert_eq!(
            memory.history("user00"),
            ["AKIA000KEYUSER00", "AKIA000000000NEW"],
            "{case} {answers:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_with_retired_users_keeps_the_last_ones() {
    for (all, old, recent, gone, throttled, may_retire) in [
        (20, 16, 0, 4, 0, false),
        (20, 15, 0, 5, 0, false),
        (20, 15, 0, 4, 0, false),
        (20, 10, 0, 3, 0, true),
        (20, 10, 2, 3, 0, false),
        (20, 0, 0, 3, 9, false),
        (40, 0, 0, 8, 0, true),
        (40, 0, 3, 8, 0, false),
    ] {
        for list in [false, true] {
            let users = names(all);
            let joined = users.join(",");
            let (memory, _) = in_sync(all, &[]).await;
            let mut variables = vec![("ON_USER_DELETED", "soft-delete")];
            if list {
                variables.push(("IAM_USER_LIST", &joined));
            }
            let ctx = memory.ctx(&variables);
            for (n, user) in users.iter().enumerate() {
                let days = if n < old { 30 } else { 1 };
                if n < old + recent {
                    memory.remove_user(user);
                    with_state(&memory, user, |state| {
                        state.retired_at = Some(days_ago(days).parse().unwrap());
                    });
                }
            }
            for user in &users[old + recent..old + recent + gone] {
                memory.remove_user(user);
            }
            for user in users.iter().rev().take(throttled) {
                memory.delete(user);
            }
            if throttled > 0 {
                memory.fail("roster", throttled, unavailable);
            }
            change_record(&memory, |record| {
                record.started_at = days_ago(1).parse().unwrap();
            });
            let mut answers = Vec::new();
            for _ in 0..3 {
                answers.push(run_if_due(&ctx).await.0);
                if throttled > 0 {
                    memory.fail("roster", throttled, unavailable);
                }
            }
            let now = users[old + recent..]
                .iter()
                .filter(|user| memory.is_retired(user))
                .count();
            assert_eq!(
                now > 0,
                may_retire,
                "list {list}: {old} {recent} {gone} {throttled}: {now} {answers:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rest_run_keeps_to_the_list() {
    let (memory, ctx) = in_sync(3, &[]).await;
    memory.put("user02", "no JSON", &days_ago(0));
    run(&ctx).await.unwrap_err();
    rotate(&memory, &names(3));
    let ctx = memory.ctx(&[("IAM_USER_LIST", "user00,user01")]);
    let (answer, _) = run_if_due(&ctx).await;
    assert_eq!(memory.history("user02").len(), 1, "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_another_displaced_still_ends_well() {
    let (memory, ctx) = in_sync(30, &[("SYNC_CONCURRENCY", "1")]).await;
    rotate(&memory, &names(30));
    let second = memory.ctx(&[("SYNC_CONCURRENCY", "1")]);
    let late = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        run(&second).await
    };
    let (first, second) = tokio::join!(run(&ctx), late);
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    let record = record(&memory);
    assert!(
        record.finished_at.is_some() && record.leased_until.is_none(),
        "{record:?}"
    );
    for user in names(30) {
        assert_eq!(memory.history(&user).len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_move_publishes_no_key_that_is_older_than_the_record() {
    for (variable, path) in [
        (("VAULT_PATH_PREFIX", "aws/new"), "secret/aws/new/user00"),
        (("VAULT_MOUNT", "other"), "other/aws/iam-keys/user00"),
    ] {
        let (memory, _) = in_sync(1, &[]).await;
        let ctx = memory.ctx(&[variable]);
        memory.before_call("s3-load", |inner| {
            let (held, revision) = inner.parameters.get_mut("/iam_users/user00_keys").unwrap();
            *held = value("AKIA000000000NEW");
            revision.version += 2;
            revision.modified = Timestamp::now();
            let revision = *revision;
            let key = AccessKey::new(
                "AKIA000000000NEW".into(),
                "secret-of-AKIA000000000NEW".into(),
            )
            .unwrap();
            inner.versions("user00").push(Some((
                "AKIA000000000NEW".into(),
                "secret-of-AKIA000000000NEW".into(),
            )));
            let (state, etag) = inner.record_of("user00");
            state.last_secret_hash = key.fingerprint();
            state.parameter_version = Some(revision.version);
            state.parameter_last_modified = Some(revision.modified);
            state.last_synced_at = Timestamp::now();
            state.vault_version = Some(2);
            *etag += 1000;
        });
        let (answer, metrics) = run_and_measure(&ctx).await;
        let ids: Vec<_> = memory.inner().vault[path]
            .iter()
            .map(|version| version.clone().unwrap().0)
            .collect();
        assert_eq!(
            ids.last().unwrap(),
            "AKIA000000000NEW",
            "{ids:?} {answer:?} {}",
            metrics["SweepCompleted"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_older_key_follows_a_newer_one_while_a_deployment_moves() {
    let mut wrong = std::collections::BTreeMap::<&str, (u32, u64, Vec<String>)>::new();
    for seed in 0..4000_u64 {
        fastrand::seed(seed);
        let kind = fastrand::usize(..4);
        let (name, variable) = [
            ("same", ("LOG_LEVEL", "info")),
            ("path", ("VAULT_PATH_PREFIX", "aws/new")),
            ("server", ("VAULT_ADDR", "https://new.example.org")),
            ("namespace", ("VAULT_NAMESPACE", "team")),
        ][kind];
        let (memory, _) = in_sync(1, &[]).await;
        memory.inner().lists_metadata = fastrand::bool();
        if kind >= 2 && fastrand::bool() {
            memory.inner().vault.clear();
        }
        memory.inner().latencies = (0..7).map(|_| fastrand::u8(0..4)).collect();
        let contexts = [
            memory.ctx(&[variable]),
            memory.ctx(&[variable]),
            memory.ctx(&[if kind == 1 {
                ("LOG_LEVEL", "info")
            } else {
                variable
            }]),
        ];
        let mut work = Vec::new();
        for ctx in &contexts {
            let payload = match fastrand::usize(..3) {
                0 => json!({"action": "sync", "users": ["user00"]}),
                1 => json!({
                    "source": "aws.ssm", "detail-type": "Parameter Store Change", "time": days_ago(2),
                    "detail": {"operation": "Update", "name": "/iam_users/user00_keys", "type": "SecureString"},
                }),
                _ => forced(),
            };
            let wait = fastrand::u64(0..12);
            work.push(async move {
                tokio::time::sleep(Duration::from_secs(wait)).await;
                let _ = run_with(ctx, payload, 600).await;
            });
        }
        let rotate = async {
            for n in 0..3 {
                tokio::time::sleep(Duration::from_secs(fastrand::u64(1..8))).await;
                memory.put(
                    "user00",
                    &value(&format!("AKIA00000000NEW{n}")),
                    &Timestamp::now().to_string(),
                );
            }
        };
        tokio::join!(futures_util::future::join_all(work), rotate);
        let path = match name {
            "path" => "secret/aws/new/user00",
            "namespace" => "team:secret/aws/iam-keys/user00",
            _ => "secret/aws/iam-keys/user00",
        };
        for _ in 0..2 {
            let _ = run(&contexts[0]).await;
        }
        let ids: Vec<_> = memory.inner().vault[path]
            .iter()
            .map(|version| version.clone().unwrap().0)
            .collect();
        let rank = |id: &String| {
            id.strip_prefix("AKIA00000000NEW")
                .map_or(0, |n| n.parse::<usize>().unwrap() + 1)
        };
        let ranks: Vec<_> = ids.iter().map(rank).collect();
        if !ranks.is_sorted() || ranks.last() != Some(&3) {
            let entry = wrong.entry(name).or_insert((0, seed, ids));
            entry.0 += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
