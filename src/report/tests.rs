use serde_json::json;

use super::*;
use crate::keys::UserName;
use crate::snapshot::{Parameter, Revision};

const PLANNED: [Outcome; 2] = [Outcome::PlannedWritten, Outcome::PlannedRetired];

fn of(user: &str, outcome: Outcome) -> UserReport {
    let mut report = UserReport::begin(UserName::parse(user).unwrap());
    report.end(outcome, format!("{} for a reason", outcome.as_str()), None);
    report
}

/// The report of a user in whose secret `version` was written.
fn written(version: u64) -> UserReport {
    let mut report = UserReport::begin(UserName::parse("alice").unwrap());
    report.end(Outcome::Written, "rotated".into(), Some(version));
    report
}

fn read_at(modified: &str) -> Parameter {
    Parameter::WithoutCurrent {
        revision: Revision {
            modified: modified.parse().unwrap(),
            version: 4,
        },
    }
}

fn report_of(trigger: &'static str, users: Vec<UserReport>, millis: u64) -> Report {
    let mut report = Report {
        millis,
        ..Report::begin(trigger)
    };
    for user in users {
        report.add(user);
    }
    report
}

#[test]
fn a_report_has_these_names() {
    let mut alice = of("alice", Outcome::Held);
    alice.saw(&read_at("2025-06-02T10:15:30Z"));
    alice.end(
        Outcome::Written,
        "rotated: the parameter holds a newer key".into(),
        Some(7),
    );
    alice.millis = 85;
    alice.notes.drift_repaired = true;
    let report = report_of("event", vec![alice, of("bob", Outcome::Missing)], 112);
    insta::assert_json_snapshot!(report, @r#"
    {
      "trigger": "event",
      "users": [
        {
          "user": "alice",
          "outcome": "written",
          "reason": "rotated: the parameter holds a newer key",
          "parameterVersion": 4,
          "vaultVersion": 7,
          "millis": 85
        },
        {
          "user": "bob",
          "outcome": "missing",
          "reason": "missing for a reason",
          "millis": 0
        }
      ],
      "counts": {
        "written": 1,
        "unchanged": 0,
        "held": 0,
        "superseded": 0,
        "retired": 0,
        "missing": 1,
        "failed": 0
      },
      "millis": 112
    }
    "#);
}

#[test]
fn every_outcome_is_counted() {
    let users = Outcome::ALL
        .iter()
        .enumerate()
        .flat_map(|(n, outcome)| (0..=n).map(|_| of("alice", *outcome)));
    let report = report_of("sync", users.collect(), 0);
    assert_eq!(
        report.counts.into_iter().collect::<Vec<_>>(),
        Outcome::ALL.into_iter().zip(1..).collect::<Vec<_>>()
    );
    assert!(
        report_of("sync", vec![], 0)
            .counts
            .into_values()
            .all(|count| count == 0)
    );
}

#[test]
fn an_outcome_has_one_name() {
    for outcome in Outcome::ALL.into_iter().chain(PLANNED) {
        assert_eq!(json!(outcome), outcome.as_str());
    }
}

#[test]
fn a_report_tells_of_the_parameter_that_was_read_last() {
    let mut report = of("alice", Outcome::Unchanged);
    report.saw(&read_at("2025-06-02T10:15:30Z"));
    let noted = |report: &UserReport| (report.parameter_version, report.notes.parameter_modified);
    assert_eq!(
        noted(&report),
        (Some(4), Some("2025-06-02T10:15:30Z".parse().unwrap()))
    );
    report.saw(&Parameter::Absent);
    assert_eq!(noted(&report), (None, None));
}

#[test]
fn a_user_of_whom_nothing_more_is_known_has_failed() {
    assert_eq!(
        UserReport::begin(UserName::parse("alice").unwrap()).outcome,
        Outcome::Failed
    );
    let mut report = of("alice", Outcome::Written);
    report.vault_version = Some(7);
    report.fail(&Error::OutOfTime);
    assert_eq!(
        (report.outcome, report.reason, report.vault_version),
        (Outcome::Failed, Error::OutOfTime.to_string(), None)
    );
}

#[test]
fn a_message_goes_back_while_its_user_is_not_done() {
    // Read as new as the event, at the first delivery and later; read that looked stale, at the first delivery and
    // later.
    for (outcome, expected) in [
        (Outcome::Written, [false, false, true, false]),
        (Outcome::Unchanged, [false, false, true, false]),
        (Outcome::Held, [true, true, true, true]),
        (Outcome::Superseded, [false, false, true, false]),
        (Outcome::Retired, [false, false, false, false]),
        (Outcome::Missing, [false, false, true, false]),
        (Outcome::Failed, [true, true, true, true]),
    ] {
        let mut report = of("alice", outcome);
        let goes_back = [(false, 1), (false, 2), (true, 1), (true, 2)].map(|(stale, delivery)| {
            report.notes.stale = stale;
            goes_back(&report, delivery)
        });
        assert_eq!(goes_back, expected, "{outcome:?}");
    }
}

#[test]
fn a_report_with_a_failed_user_is_an_error_that_tells_why() {
    for outcome in Outcome::ALL {
        let answer = report_of("event", vec![of("alice", outcome)], 0).or_failed();
        match outcome {
            Outcome::Failed => {
                let error = answer.unwrap_err();
                assert_eq!(
                    (error.kind(), error.to_string()),
                    ("SyncFailed", "alice: failed for a reason".to_owned())
                );
            }
            _ => assert_eq!(answer.unwrap().users[0].outcome, outcome),
        }
    }
}

#[test]
fn a_second_look_that_finds_nothing_to_do_does_not_undo_a_write() {
    let mut report = written(7);
    report.end(Outcome::Unchanged, "in step".into(), None);
    assert_eq!(
        (report.outcome, &*report.reason, report.vault_version),
        (Outcome::Written, "rotated", Some(7))
    );
}

#[test]
fn what_ended_last_counts() {
    use Outcome::{Failed, Held, Missing, Retired, Superseded, Unchanged, Written};
    let last = [
        (Held, None),
        (Superseded, None),
        (Retired, None),
        (Missing, None),
        (Failed, None),
        (Written, Some(8)),
    ];
    for (begun, (outcome, version)) in last.map(|last| (written(7), last)).into_iter().chain([
        (of("alice", Held), (Unchanged, None)),
        (of("alice", Unchanged), (Held, None)),
        (of("alice", Failed), (Written, Some(1))),
    ]) {
        let mut report = begun;
        let before = report.outcome;
        report.end(outcome, "the last reason".into(), version);
        let ended = (report.outcome, &*report.reason, report.vault_version);
        assert_eq!(
            ended,
            (outcome, "the last reason", version),
            "{before:?}, then {outcome:?}"
        );
    }
}

#[test]
fn a_remark_stands_beside_the_outcome() {
    let mut report = written(7);
    assert!(!report.notes.remarked);
    report.remark("the user has no row on the roster");
    assert!(report.notes.remarked);
    assert_eq!(
        (report.outcome, report.vault_version),
        (Outcome::Written, Some(7))
    );
    assert_eq!(
        report.reason,
        "rotated; note: the user has no row on the roster"
    );
    report.remark("not rotated for 4 days");
    assert_eq!(
        report.reason,
        "rotated; note: the user has no row on the roster; note: not rotated for 4 days"
    );
}

#[test]
fn a_key_is_missing_from_vault_since_its_parameter_was_put() {
    use Outcome::{
        Failed, Held, Missing, PlannedRetired, PlannedWritten, Retired, Superseded, Unchanged,
        Written,
    };
    let hour_and_a_half = Some("2025-06-02T10:30:00Z");
    for (outcomes, modified, expected) in [
        (&[Failed, Held][..], hour_and_a_half, Some(1.5)),
        (&[Failed, Held], Some("2025-05-31T12:00:00Z"), Some(48.0)),
        (&[Failed, Held], Some("2025-06-02T12:00:00Z"), Some(0.0)),
        // The clock of Parameter Store goes ahead of ours.
        (&[Failed, Held], Some("2025-06-02T12:00:01Z"), Some(0.0)),
        // Nothing was read.
        (&[Failed, Held], None, None),
        (
            &[
                Written,
                Unchanged,
                Superseded,
                Retired,
                Missing,
                PlannedWritten,
                PlannedRetired,
            ],
            hour_and_a_half,
            None,
        ),
    ] {
        for outcome in outcomes {
            let mut report = of("alice", *outcome);
            report.notes.parameter_modified = modified.map(|modified| modified.parse().unwrap());
            report.measure("2025-06-02T12:00:00Z".parse().unwrap(), true);
            assert_eq!(report.unsynced_hours, expected, "{outcome:?}, {modified:?}");
        }
    }
}

#[test]
fn a_key_whose_record_was_not_read_is_missing_if_an_event_told_of_it() {
    let noon = "2025-06-02T12:00:00Z".parse().unwrap();
    for (recorded, told, missing) in [
        (None, true, Some(6.0)),
        (None, false, None),
        (Some(false), false, Some(6.0)),
        (Some(true), true, None),
    ] {
        let mut report = of("alice", Outcome::Failed);
        report.notes.parameter_modified = Some("2025-06-02T06:00:00Z".parse().unwrap());
        report.notes.recorded = recorded;
        report.measure(noon, told);
        assert_eq!(report.unsynced_hours, missing, "{recorded:?} {told}");
    }
}

#[test]
fn a_key_that_came_to_vault_after_all_is_not_missing() {
    let mut report = of("alice", Outcome::Held);
    report.saw(&read_at("2025-06-02T06:00:00Z"));
    let noon = "2025-06-02T12:00:00Z".parse().unwrap();
    report.measure(noon, true);
    assert_eq!(report.unsynced_hours, Some(6.0));
    report.end(Outcome::Written, "rotated".into(), Some(7));
    report.measure(noon, true);
    assert_eq!(report.unsynced_hours, None);
}

#[test]
fn what_is_there_only_sometimes_has_these_names() {
    let mut bob = of("bob", Outcome::Held);
    bob.saw(&read_at("2025-06-02T10:30:00Z"));
    bob.measure("2025-06-02T12:00:00Z".parse().unwrap(), true);
    let users = vec![
        of("alice", Outcome::PlannedWritten),
        bob,
        of("carol", Outcome::PlannedRetired),
    ];
    let mut report = report_of("reconcile", users, 9);
    report.truncated = true;
    report.skipped = Some("the last sweep was complete".into());
    insta::assert_json_snapshot!(report, @r#"
    {
      "trigger": "reconcile",
      "skipped": "the last sweep was complete",
      "users": [
        {
          "user": "alice",
          "outcome": "planned-written",
          "reason": "planned-written for a reason",
          "millis": 0
        },
        {
          "user": "bob",
          "outcome": "held",
          "reason": "held for a reason",
          "parameterVersion": 4,
          "unsyncedHours": 1.5,
          "millis": 0
        },
        {
          "user": "carol",
          "outcome": "planned-retired",
          "reason": "planned-retired for a reason",
          "millis": 0
        }
      ],
      "truncated": true,
      "counts": {
        "written": 0,
        "unchanged": 0,
        "held": 1,
        "superseded": 0,
        "retired": 0,
        "missing": 0,
        "failed": 0,
        "planned-written": 1,
        "planned-retired": 1
      },
      "millis": 9
    }
    "#);
}

#[test]
fn a_report_of_nothing_tells_why() {
    let report = Report {
        skipped: Some("the last sweep was complete".into()),
        ..Report::begin("reconcile")
    };
    let answer = json!(report);
    assert_eq!(
        (&answer["skipped"], &answer["users"]),
        (&json!("the last sweep was complete"), &json!([]))
    );
    assert!(answer.get("truncated").is_none(), "{answer}");
    assert!(
        answer["counts"]
            .as_object()
            .unwrap()
            .values()
            .all(|count| count == 0),
        "{answer}"
    );
    assert!(json!(Report::begin("reconcile")).get("skipped").is_none());
}

#[test]
fn a_sweep_lists_whoever_is_of_note() {
    for outcome in Outcome::ALL.into_iter().chain(PLANNED) {
        for remarked in [false, true] {
            let mut user = of("alice", outcome);
            if remarked {
                user.remark("not rotated for 4 days");
            }
            let mut report = Report::begin("reconcile");
            report.add_of_sweep(user);
            let is_of_note = outcome != Outcome::Unchanged || remarked;
            assert_eq!(
                report.users.len(),
                usize::from(is_of_note),
                "{outcome:?}, remarked: {remarked}"
            );
            assert_eq!(
                report.counts[&outcome], 1,
                "{outcome:?}, remarked: {remarked}"
            );
            assert_eq!(
                report.counts.values().sum::<u64>(),
                1,
                "{outcome:?}, remarked: {remarked}"
            );
            assert!(!report.truncated, "{outcome:?}, remarked: {remarked}");
        }
    }
}

#[test]
fn a_sweep_lists_the_first_five_hundred_and_counts_everybody() {
    for (failed, in_step, truncated) in [
        (499, 3, false),
        (500, 3, false),
        (501, 3, true),
        (1200, 0, true),
    ] {
        let mut report = Report::begin("reconcile");
        (0..failed).for_each(|n| report.add_of_sweep(of(&format!("user-{n}"), Outcome::Failed)));
        (0..in_step).for_each(|_| report.add_of_sweep(of("alice", Outcome::Unchanged)));
        let listed = report
            .users
            .iter()
            .map(|user| user.user.as_str())
            .collect::<Vec<_>>();
        let first = (0..failed.min(500))
            .map(|n| format!("user-{n}"))
            .collect::<Vec<_>>();
        assert_eq!(listed, first, "{failed} failed");
        assert_eq!(report.truncated, truncated, "{failed} failed");
        assert_eq!(
            (
                report.counts[&Outcome::Failed],
                report.counts[&Outcome::Unchanged]
            ),
            (failed, in_step)
        );
    }
}

#[test]
fn a_remark_beyond_the_list_is_truncated_as_well() {
    let mut report = Report::begin("reconcile");
    (0..500).for_each(|_| report.add_of_sweep(of("alice", Outcome::Held)));
    let mut bob = of("bob", Outcome::Unchanged);
    bob.remark("not rotated for 4 days");
    report.add_of_sweep(bob);
    assert_eq!((report.users.len(), report.truncated), (500, true));
    assert_eq!(report.counts[&Outcome::Unchanged], 1);
}
