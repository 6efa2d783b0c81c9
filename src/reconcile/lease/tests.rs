use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-01-10T09:00:00Z";

/// The interval of these tests, in hours: a sweep is old after 21.
const INTERVAL: u32 = 24;

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn users(names: &[&str]) -> Vec<UserName> {
    names
        .iter()
        .map(|name| UserName::parse(name).unwrap())
        .collect()
}

fn users_only(names: &[&str]) -> Scope {
    Scope::Users(users(names))
}

fn all(first: &[&str]) -> Scope {
    Scope::All {
        left_over: users(first),
    }
}

/// The record of a sweep that began then and is under way, as far as is known.
fn begun(started: &str) -> ReconcileRecord {
    ReconcileRecord {
        started_at: at(started),
        finished_at: None,
        trigger: "reconcile".into(),
        counts: BTreeMap::new(),
        failed_users: Vec::new(),
        needs_full_run: false,
        leased_until: None,
        request_id: None,
    }
}

/// The record of a sweep that began then and ended, with these users left over.
fn ended(started: &str, failed: &[&str]) -> ReconcileRecord {
    let failed_users = failed.iter().map(|name| (*name).to_owned()).collect();
    ReconcileRecord {
        finished_at: Some(at("2026-01-10T08:00:00Z")),
        failed_users,
        ..begun(started)
    }
}

/// The record of a sweep of the request `request-1` that may be under way until then.
fn claimed(until: &str, failed: &[&str]) -> ReconcileRecord {
    let request_id = Some("request-1".to_owned());
    ReconcileRecord {
        finished_at: None,
        leased_until: Some(at(until)),
        request_id,
        ..ended("2026-01-10T08:50:00Z", failed)
    }
}

fn due_now(last: &ReconcileRecord, force: bool, request_id: &str) -> Result<Scope, String> {
    due(Some(last), at(NOW), INTERVAL, force, request_id)
}

#[test]
fn the_first_sweep_is_of_everybody() {
    for force in [false, true] {
        assert_eq!(
            due(None, at(NOW), INTERVAL, force, "request-2"),
            Ok(all(&[])),
            "force: {force}"
        );
    }
}

#[test]
fn a_complete_sweep_is_repeated_only_when_it_is_old() {
    let reason = || {
        "the last sweep was complete at 2026-01-10 08:00:00 UTC, and one every 24 h is enough; force (--force) repeats it"
            .to_owned()
    };
    for (started, expected) in [
        ("2026-01-10T09:00:00Z", Err(reason())),
        ("2026-01-10T08:00:00Z", Err(reason())),
        // 21 hours are old: the interval less an eighth.
        ("2026-01-09T12:00:01Z", Err(reason())),
        ("2026-01-09T12:00:00Z", Ok(all(&[]))),
        ("2026-01-09T09:00:00Z", Ok(all(&[]))),
        ("1970-01-01T00:00:00Z", Ok(all(&[]))),
    ] {
        let last = ended(started, &[]);
        assert_eq!(due_now(&last, false, "request-2"), expected, "{started}");
        assert_eq!(
            due_now(&last, true, "request-2"),
            Ok(all(&[])),
            "{started}, force"
        );
    }
}

#[test]
fn a_sweep_is_old_an_eighth_of_the_interval_early() {
    for (interval_hours, last_young, first_old) in [
        (1, "2026-01-10T08:07:31Z", "2026-01-10T08:07:30Z"),
        (8, "2026-01-10T02:00:01Z", "2026-01-10T02:00:00Z"),
        (24, "2026-01-09T12:00:01Z", "2026-01-09T12:00:00Z"),
        (8760, "2025-02-25T00:00:01Z", "2025-02-25T00:00:00Z"),
    ] {
        let due = |started| {
            due(
                Some(&ended(started, &[])),
                at(NOW),
                interval_hours,
                false,
                "request-2",
            )
        };
        let reason = due(last_young).unwrap_err();
        assert!(
            reason.contains(&format!("one every {interval_hours} h is enough")),
            "{reason}"
        );
        assert_eq!(due(first_old), Ok(all(&[])), "{interval_hours} h");
    }
}

#[test]
fn who_is_left_over_is_swept_again_alone_until_everybody_is_due() {
    let (young, old) = ("2026-01-10T08:00:00Z", "2026-01-09T12:00:00Z");
    let unlisted = |last| ReconcileRecord {
        needs_full_run: true,
        ..last
    };
    // The record, whom the next sweep is for, and whom a forced one.
    for (name, last, expected, forced) in [
        (
            "failed, young",
            ended(young, &["bob", "alice"]),
            Ok(users_only(&["bob", "alice"])),
            Ok(all(&["bob", "alice"])),
        ),
        (
            "failed, old",
            ended(old, &["bob", "alice"]),
            Ok(all(&["bob", "alice"])),
            Ok(all(&["bob", "alice"])),
        ),
        (
            "unlisted, young",
            unlisted(ended(young, &[])),
            Ok(all(&[])),
            Ok(all(&[])),
        ),
        (
            "unlisted, old",
            unlisted(ended(old, &[])),
            Ok(all(&[])),
            Ok(all(&[])),
        ),
        (
            "failed and unlisted",
            unlisted(ended(young, &["bob"])),
            Ok(all(&["bob"])),
            Ok(all(&["bob"])),
        ),
        (
            "unusable names, young",
            ended(young, &["../bob", "alice", "", ".."]),
            Ok(users_only(&["alice"])),
            Ok(all(&["alice"])),
        ),
        (
            "unusable names, old",
            ended(old, &["", "alice", "a\nb"]),
            Ok(all(&["alice"])),
            Ok(all(&["alice"])),
        ),
    ] {
        assert_eq!(due_now(&last, false, "request-2"), expected, "{name}");
        assert_eq!(due_now(&last, true, "request-2"), forced, "{name}, force");
    }
}

#[test]
fn a_sweep_under_way_is_left_alone_until_its_claim_expires() {
    let later = "2026-01-10T09:00:00.000000001Z";
    let under_way = |until: &str| {
        Err(format!(
            "another sweep, begun at 2026-01-10 08:50:00 UTC, may be under way until {}; force (--force) sweeps all the same",
            utc(at(until))
        ))
    };
    let long_ago = ReconcileRecord {
        started_at: at("2026-01-01T00:00:00Z"),
        ..claimed(later, &[])
    };
    let of_nobody = ReconcileRecord {
        request_id: None,
        ..claimed(later, &[])
    };
    for (name, last, expected) in [
        (
            "under way",
            claimed("2026-01-10T09:05:00Z", &["bob"]),
            under_way("2026-01-10T09:05:00Z"),
        ),
        ("about to expire", claimed(later, &[]), under_way(later)),
        (
            "expired just now",
            claimed(NOW, &["bob", "", "alice"]),
            Ok(all(&["bob", "alice"])),
        ),
        (
            "expired",
            claimed("2026-01-10T08:59:00Z", &[]),
            Ok(all(&[])),
        ),
        (
            "died without a claim",
            begun("2026-01-10T08:59:59Z"),
            Ok(all(&[])),
        ),
        (
            "begun this moment, without a claim",
            begun(NOW),
            Ok(all(&[])),
        ),
        ("of an unknown request", of_nobody, under_way(later)),
        (
            "going on with one begun long ago",
            long_ago,
            Err(format!(
                "another sweep, begun at 2026-01-01 00:00:00 UTC, may be under way until {}; force (--force) sweeps all the same",
                utc(at(later))
            )),
        ),
        (
            "claimed for longer than any invocation lasts",
            claimed("2026-01-10T10:00:00Z", &[]),
            Ok(all(&[])),
        ),
    ] {
        assert_eq!(due_now(&last, false, "request-2"), expected, "{name}");
    }
}

#[test]
fn a_sweep_under_way_gives_way_to_its_own_retry_and_to_force() {
    let last = claimed("2026-01-10T09:05:00Z", &["bob", "alice"]);
    for (request_id, force, granted) in [
        ("request-1", false, true),
        ("request-1", true, true),
        ("request-2", true, true),
        ("request-2", false, false),
        ("request-10", false, false),
        ("", false, false),
    ] {
        let scope = due_now(&last, force, request_id);
        assert_eq!(
            scope.ok(),
            granted.then(|| all(&["bob", "alice"])),
            "{request_id:?}, force: {force}"
        );
    }
}

#[test]
fn a_retry_goes_on_where_its_first_try_ended() {
    let of_request_1 = |last| ReconcileRecord {
        request_id: Some("request-1".into()),
        ..last
    };
    let young = "2026-01-10T08:00:00Z";
    assert_eq!(
        due_now(&of_request_1(ended(young, &["bob"])), false, "request-1"),
        Ok(users_only(&["bob"]))
    );
    let reason = due_now(&of_request_1(ended(young, &[])), false, "request-1").unwrap_err();
    assert!(reason.contains("was complete"), "{reason}");
}

#[test]
fn damaged_clocks_stop_no_forced_sweep() {
    let far = [
        Timestamp::MIN,
        at(NOW),
        at("2026-01-10T10:00:00Z"),
        Timestamp::MAX,
    ];
    for (started_at, other) in far
        .into_iter()
        .flat_map(|started| far.map(|other| (started, other)))
    {
        for (now, interval_hours) in far
            .into_iter()
            .flat_map(|now| [(now, 1), (now, 8760), (now, u32::MAX)])
        {
            let base = ReconcileRecord {
                started_at,
                ..ended(NOW, &["bob"])
            };
            for last in [
                ReconcileRecord {
                    finished_at: Some(other),
                    ..base.clone()
                },
                ReconcileRecord {
                    finished_at: None,
                    leased_until: Some(other),
                    ..base.clone()
                },
                ReconcileRecord {
                    finished_at: None,
                    ..base
                },
            ] {
                let shown = format!("{last:?} at {now}");
                // Whether it is due does not matter here; that there is an answer does.
                let asked = due(Some(&last), now, interval_hours, false, "request-2");
                if let Ok(Scope::Users(names) | Scope::All { left_over: names }) = asked {
                    assert_eq!(names, users(&["bob"]), "{shown}");
                }
                assert_eq!(
                    due(Some(&last), now, interval_hours, true, "request-2"),
                    Ok(all(&["bob"])),
                    "{shown}"
                );
            }
        }
    }
}

#[test]
fn a_record_has_these_names() {
    let finished = ReconcileRecord {
        counts: BTreeMap::from([("failed".to_owned(), 1), ("written".to_owned(), 2)]),
        ..ended("2026-01-10T07:59:00.25Z", &["bob"])
    };
    let finished_json = json!({
        "startedAt": "2026-01-10T07:59:00.25Z",
        "finishedAt": "2026-01-10T08:00:00Z",
        "trigger": "reconcile",
        "counts": { "failed": 1, "written": 2 },
        "failedUsers": ["bob"],
        "unlisted": false,
    });
    let under_way = ReconcileRecord {
        needs_full_run: true,
        ..claimed("2026-01-10T09:05:00Z", &[])
    };
    let under_way_json = json!({
        "startedAt": "2026-01-10T08:50:00Z",
        "trigger": "reconcile",
        "counts": {},
        "failedUsers": [],
        "unlisted": true,
        "claimedUntil": "2026-01-10T09:05:00Z",
        "requestId": "request-1",
    });
    for (run, expected) in [(finished, finished_json), (under_way, under_way_json)] {
        assert_eq!(json!(run), expected);
        assert_eq!(
            serde_json::from_value::<ReconcileRecord>(expected).unwrap(),
            run
        );
    }
}

#[test]
fn a_record_of_the_least_is_understood() {
    let (started, finished) = ("2026-01-10T08:00:00Z", "2026-01-10T08:05:00Z");
    let counts = BTreeMap::from([("written".to_owned(), 2)]);
    for (record, expected) in [
        (
            json!({ "startedAt": started, "trigger": "reconcile" }),
            begun(started),
        ),
        (
            json!({
                "startedAt": started, "finishedAt": finished, "trigger": "reconcile",
                "counts": { "written": 2 }, "failedUsers": ["bob"],
            }),
            ReconcileRecord {
                finished_at: Some(at(finished)),
                counts,
                ..ended(started, &["bob"])
            },
        ),
    ] {
        assert_eq!(
            serde_json::from_value::<ReconcileRecord>(record.clone()).unwrap(),
            expected,
            "{record}"
        );
    }
}

#[test]
fn a_record_that_tells_too_little_is_not_understood() {
    for record in [
        json!({}),
        json!({ "trigger": "reconcile" }),
        json!({ "startedAt": "2026-01-10T08:00:00Z" }),
        json!({ "startedAt": "yesterday", "trigger": "reconcile" }),
        json!({ "startedAt": "2026-01-10T08:00:00Z", "trigger": "reconcile", "failedUsers": "bob" }),
        Value::Null,
    ] {
        assert!(
            serde_json::from_value::<ReconcileRecord>(record.clone()).is_err(),
            "{record}"
        );
    }
}
