use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-01-10T09:00:00Z";

/// Less than the interval ago.
const RECENT: &str = "2026-01-10T08:00:00Z";

/// Long enough ago for the next run to be due.
const OLD: &str = "2026-01-09T12:00:00Z";

/// The interval in hours: a run is due after 21 hours.
const INTERVAL: u32 = 24;

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn users(names: &[&str]) -> Vec<UserName> {
    let names = names.iter();
    names.map(|name| UserName::parse(name).unwrap()).collect()
}

fn only(names: &[&str]) -> Scope {
    Scope::Users(users(names))
}

fn all(first: &[&str]) -> Scope {
    Scope::All {
        left_over: users(first),
    }
}

/// Returns the record of a run that started then, without any optional member.
fn started(time: &str) -> ReconcileRecord {
    ReconcileRecord {
        started_at: at(time),
        finished_at: None,
        on_demand: false,
        trigger: "reconcile".into(),
        counts: BTreeMap::new(),
        failed_users: Vec::new(),
        needs_full_run: false,
        leased_until: None,
        request_id: None,
        rewritten_users: Vec::new(),
        vault: None,
    }
}

/// Returns the record of a finished run that started then and left these users over.
fn finished(time: &str, left_over: &[&str]) -> ReconcileRecord {
    ReconcileRecord {
        finished_at: Some(at(RECENT)),
        failed_users: left_over.iter().map(ToString::to_string).collect(),
        ..started(time)
    }
}

/// Returns the record of a run of the request `request-1` whose lease ends then.
fn leased(until: &str, left_over: &[&str]) -> ReconcileRecord {
    ReconcileRecord {
        finished_at: None,
        leased_until: Some(at(until)),
        request_id: Some("request-1".to_owned()),
        ..finished("2026-01-10T08:50:00Z", left_over)
    }
}

fn incomplete(record: ReconcileRecord) -> ReconcileRecord {
    ReconcileRecord {
        needs_full_run: true,
        ..record
    }
}

fn due_now(last: &ReconcileRecord, force: bool) -> Result<Scope, NotDue> {
    due(Some(last), at(NOW), INTERVAL, force, "request-2")
}

#[test]
fn the_first_run_covers_all_users() {
    for force in [false, true] {
        let scope = due(None, at(NOW), INTERVAL, force, "request-2");
        assert_eq!(scope, Ok(all(&[])), "force: {force}");
    }
}

#[test]
fn a_complete_run_is_repeated_only_when_it_is_old() {
    for (time, is_due) in [
        (NOW, false),
        (RECENT, false),
        ("2026-01-09T12:00:01Z", false),
        (OLD, true),
        ("2026-01-09T09:00:00Z", true),
        ("1970-01-01T00:00:00Z", true),
    ] {
        let last = finished(time, &[]);
        match due_now(&last, false) {
            Ok(scope) => assert!(is_due && scope == all(&[]), "{time}: {scope:?}"),
            Err(reason) => {
                let complete = "was complete at 2026-01-10 08:00:00 UTC, and one every 24 h";
                let reason = reason.to_string();
                assert!(!is_due && reason.contains(complete), "{time}: {reason}");
            }
        }
        assert_eq!(due_now(&last, true), Ok(all(&[])), "{time}, force");
    }
}

#[test]
fn a_run_is_due_an_eighth_of_the_interval_early() {
    for (interval, last_recent, first_old) in [
        (1, "2026-01-10T08:07:31Z", "2026-01-10T08:07:30Z"),
        (8, "2026-01-10T02:00:01Z", "2026-01-10T02:00:00Z"),
        (24, "2026-01-09T12:00:01Z", OLD),
        (8760, "2025-02-25T00:00:01Z", "2025-02-25T00:00:00Z"),
    ] {
        let due = |time| {
            due(
                Some(&finished(time, &[])),
                at(NOW),
                interval,
                false,
                "request-2",
            )
        };
        let reason = due(last_recent).unwrap_err().to_string();
        assert!(
            reason.contains(&format!("one every {interval} h ")),
            "{reason}"
        );
        assert_eq!(due(first_old), Ok(all(&[])), "{interval} h");
    }
}

#[test]
fn a_run_of_an_operator_replaces_one_of_the_schedule_for_six_hours() {
    for (time, is_due) in [
        (NOW, false),
        ("2026-01-10T03:00:01Z", false),
        ("2026-01-10T03:00:00Z", true),
        (OLD, true),
    ] {
        let last = ReconcileRecord {
            on_demand: true,
            ..finished(time, &[])
        };
        assert_eq!(due_now(&last, false).is_ok(), is_due, "{time}");
    }
}

#[test]
fn left_over_users_are_repeated_alone_until_a_run_is_due() {
    for (last, expected, forced) in [
        (
            finished(RECENT, &["bob", "alice"]),
            only(&["bob", "alice"]),
            all(&["bob", "alice"]),
        ),
        (
            finished(OLD, &["bob", "alice"]),
            all(&["bob", "alice"]),
            all(&["bob", "alice"]),
        ),
        (incomplete(finished(RECENT, &[])), all(&[]), all(&[])),
        (incomplete(finished(OLD, &[])), all(&[]), all(&[])),
        (
            incomplete(finished(RECENT, &["bob"])),
            all(&["bob"]),
            all(&["bob"]),
        ),
        // Names that are not user names are ignored.
        (
            finished(RECENT, &["../bob", "alice", "", ".."]),
            only(&["alice"]),
            all(&["alice"]),
        ),
        (
            finished(OLD, &["", "alice", "a\nb"]),
            all(&["alice"]),
            all(&["alice"]),
        ),
    ] {
        assert_eq!(due_now(&last, false), Ok(expected), "{last:?}");
        assert_eq!(due_now(&last, true), Ok(forced), "{last:?}, force");
    }
}

#[test]
fn a_run_in_progress_is_left_alone_until_its_lease_ends() {
    let later = "2026-01-10T09:00:00.000000001Z";
    let continued = ReconcileRecord {
        started_at: at("2026-01-01T00:00:00Z"),
        ..leased(later, &[])
    };
    let without_request = ReconcileRecord {
        request_id: None,
        ..leased(later, &[])
    };
    for last in [
        leased("2026-01-10T09:05:00Z", &["bob"]),
        leased(later, &[]),
        without_request,
        continued,
    ] {
        let (started, until) = (utc(last.started_at), utc(last.leased_until.unwrap()));
        let reason = due_now(&last, false).unwrap_err().to_string();
        let in_progress = format!("started at {started}, holds the lease until {until}");
        assert!(reason.contains(&in_progress), "{last:?}: {reason}");
    }
    for (last, expected) in [
        (leased(NOW, &["bob", "", "alice"]), all(&["bob", "alice"])),
        (leased("2026-01-10T08:59:00Z", &[]), all(&[])),
        (started("2026-01-10T08:59:59Z"), all(&[])),
        (started(NOW), all(&[])),
        // The lease is longer than any invocation.
        (leased("2026-01-10T10:00:00Z", &[]), all(&[])),
    ] {
        assert_eq!(due_now(&last, false), Ok(expected), "{last:?}");
    }
}

#[test]
fn a_run_in_progress_yields_to_its_own_retry_and_to_force() {
    let last = leased("2026-01-10T09:05:00Z", &["bob", "alice"]);
    for (request_id, force, granted) in [
        ("request-1", false, true),
        ("request-1", true, true),
        ("request-2", true, true),
        ("request-2", false, false),
        ("request-10", false, false),
        ("", false, false),
    ] {
        let scope = due(Some(&last), at(NOW), INTERVAL, force, request_id).ok();
        let expected = granted.then(|| all(&["bob", "alice"]));
        assert_eq!(scope, expected, "{request_id:?}, force: {force}");
    }
}

#[test]
fn a_retry_continues_where_its_first_attempt_ended() {
    let retry = |left_over: &[&str]| {
        let last = ReconcileRecord {
            request_id: Some("request-1".into()),
            ..finished(RECENT, left_over)
        };
        due(Some(&last), at(NOW), INTERVAL, false, "request-1")
    };
    assert_eq!(retry(&["bob"]), Ok(only(&["bob"])));
    let reason = retry(&[]).unwrap_err().to_string();
    assert!(reason.contains("was complete"), "{reason}");
}

#[test]
fn damaged_times_never_stop_a_forced_run() {
    let times = [
        Timestamp::MIN,
        at(NOW),
        at("2026-01-10T10:00:00Z"),
        Timestamp::MAX,
    ];
    let clocks = times
        .into_iter()
        .flat_map(|now| [(now, 1), (now, 8760), (now, u32::MAX)]);
    let recorded = times
        .into_iter()
        .flat_map(|one| times.map(|other| (one, other)));
    for ((started_at, other), (now, interval)) in
        recorded.flat_map(|recorded| clocks.clone().map(move |clock| (recorded, clock)))
    {
        for (finished_at, leased_until) in [(Some(other), None), (None, Some(other)), (None, None)]
        {
            let last = ReconcileRecord {
                started_at,
                finished_at,
                leased_until,
                ..finished(NOW, &["bob"])
            };
            // Either answer is right without force.
            let due = |force| due(Some(&last), now, interval, force, "request-2");
            if let Ok(Scope::Users(names) | Scope::All { left_over: names }) = due(false) {
                assert_eq!(names, users(&["bob"]), "{last:?} at {now}");
            }
            assert_eq!(due(true), Ok(all(&["bob"])), "{last:?} at {now}");
        }
    }
}

#[test]
fn a_record_has_these_members() {
    let complete = ReconcileRecord {
        counts: BTreeMap::from([("failed".to_owned(), 1), ("written".to_owned(), 2)]),
        rewritten_users: vec!["alice".to_owned()],
        vault: Some("https://vault.example.org/secret/aws/iam-keys".to_owned()),
        ..finished("2026-01-10T07:59:00.25Z", &["bob"])
    };
    let complete_json = json!({
        "startedAt": "2026-01-10T07:59:00.25Z",
        "finishedAt": "2026-01-10T08:00:00Z",
        "trigger": "reconcile",
        "counts": { "failed": 1, "written": 2 },
        "failedUsers": ["bob"],
        "unlisted": false,
        "rewrittenUsers": ["alice"],
        "vault": "https://vault.example.org/secret/aws/iam-keys",
    });
    let in_progress = incomplete(leased("2026-01-10T09:05:00Z", &[]));
    let in_progress_json = json!({
        "startedAt": "2026-01-10T08:50:00Z",
        "trigger": "reconcile",
        "counts": {},
        "failedUsers": [],
        "unlisted": true,
        "claimedUntil": "2026-01-10T09:05:00Z",
        "requestId": "request-1",
    });
    for (record, expected) in [(complete, complete_json), (in_progress, in_progress_json)] {
        assert_eq!(json!(record), expected);
        assert_eq!(
            serde_json::from_value::<ReconcileRecord>(expected).unwrap(),
            record
        );
    }
}

#[test]
fn a_record_without_optional_members_is_read() {
    let minimal = json!({ "startedAt": RECENT, "trigger": "reconcile" });
    let read: ReconcileRecord = serde_json::from_value(minimal).unwrap();
    assert_eq!(read, started(RECENT));
    let legacy = json!({
        "startedAt": RECENT, "finishedAt": RECENT, "trigger": "reconcile",
        "counts": { "written": 2 }, "failedUsers": ["bob"],
    });
    let expected = ReconcileRecord {
        counts: BTreeMap::from([("written".to_owned(), 2)]),
        ..finished(RECENT, &["bob"])
    };
    assert_eq!(
        serde_json::from_value::<ReconcileRecord>(legacy).unwrap(),
        expected
    );
}

#[test]
fn a_record_without_required_members_is_rejected() {
    for record in [
        json!({}),
        json!({ "trigger": "reconcile" }),
        json!({ "startedAt": RECENT }),
        json!({ "startedAt": "yesterday", "trigger": "reconcile" }),
        json!({ "startedAt": RECENT, "trigger": "reconcile", "failedUsers": "bob" }),
        Value::Null,
    ] {
        let read = serde_json::from_value::<ReconcileRecord>(record.clone());
        assert!(read.is_err(), "{record}");
    }
}
