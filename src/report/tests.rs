use serde_json::json;

use super::*;
use crate::testing::results::{result, snapshot};

fn now() -> Timestamp {
    "2025-06-02T12:00:00Z".parse().unwrap()
}

const PLANNED: [Outcome; 2] = [Outcome::PlannedWritten, Outcome::PlannedRetired];

#[test]
fn a_report_has_these_members() {
    let mut alice = result("alice", Outcome::Written);
    alice.snapshot = snapshot(Some("2025-06-02T10:15:30Z"));
    alice.duration = Duration::from_millis(85);
    let results = [alice, result("bob", Outcome::Missing)];
    let report = Report::new("event", &results, Duration::from_millis(112), now());
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
          "reason": "rotated: the parameter holds a newer key",
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
        "failed": 0,
        "foreign": 0,
        "untargeted": 0
      },
      "millis": 112
    }
    "#);
}

#[test]
fn an_answer_lists_a_limited_number_of_results_and_all_failures_first() {
    let mut results = vec![result("alice", Outcome::Written); MAX_LISTED];
    results.push(result("bob", Outcome::Failed));
    let report = Report::new("sync", &results, Duration::ZERO, now()).cut();
    assert_eq!(report.users.len(), MAX_LISTED);
    assert_eq!(report.users[0].outcome, Outcome::Failed);
    assert!(report.truncated);
    assert_eq!(report.counts[&Outcome::Written], MAX_LISTED as u64);
    results.truncate(MAX_LISTED);
    let report = Report::new("sync", &results, Duration::ZERO, now()).cut();
    assert!(!report.truncated);
}

#[test]
fn optional_members_have_these_names() {
    let mut bob = result("bob", Outcome::Held);
    bob.snapshot = snapshot(Some("2025-06-02T10:30:00Z"));
    let results = [result("alice", Outcome::PlannedWritten), bob];
    let mut report = Report::new("reconcile", &results, Duration::ZERO, now());
    report.truncated = true;
    report.skipped = Some("the last run was complete".into());
    report.problems = vec!["1 failed".into()];
    let answer = json!(report);
    assert_eq!(answer["users"][0]["outcome"], "planned-written");
    assert_eq!(answer["users"][1]["unsyncedHours"], 1.5);
    assert_eq!(answer["counts"]["planned-written"], 1);
    assert_eq!(answer["truncated"], true);
    assert_eq!(answer["skipped"], "the last run was complete");
    assert_eq!(answer["problems"], json!(["1 failed"]));
    let empty = json!(Report::empty("reconcile"));
    for optional in ["truncated", "skipped", "problems"] {
        assert!(empty.get(optional).is_none(), "{empty}");
    }
}

#[test]
fn every_outcome_is_counted() {
    let users = Outcome::ALL.iter().enumerate();
    let users = users.flat_map(|(n, outcome)| (0..=n).map(|_| result("alice", *outcome)));
    let report = Report::new("sync", &users.collect::<Vec<_>>(), Duration::ZERO, now());
    let expected = Outcome::ALL
        .into_iter()
        .zip(1..)
        .collect::<BTreeMap<_, _>>();
    assert_eq!(report.counts, expected);
    assert!(
        Report::empty("sync")
            .counts
            .into_values()
            .all(|count| count == 0)
    );
}

#[test]
fn a_report_with_a_failed_user_becomes_an_error() {
    for outcome in Outcome::ALL {
        let report = Report::new("event", &[result("alice", outcome)], Duration::ZERO, now());
        match report.into_result() {
            Err(error) => {
                assert_eq!((outcome, error.kind()), (Outcome::Failed, "SyncFailed"));
                assert!(error.to_string().starts_with("alice: "), "{error}");
            }
            Ok(report) => assert_eq!(report.users[0].outcome, outcome),
        }
    }
}

#[test]
fn a_reconcile_run_lists_notable_users() {
    for outcome in Outcome::ALL.into_iter().chain(PLANNED) {
        for remarks in [vec![], vec!["not rotated for 4 days".to_owned()]] {
            let is_notable = outcome != Outcome::Unchanged || !remarks.is_empty();
            let mut report = Report::empty("reconcile");
            report.add(
                &SyncResult {
                    remarks,
                    ..result("alice", outcome)
                },
                now(),
            );
            assert_eq!(report.users.len(), usize::from(is_notable), "{outcome:?}");
            assert_eq!(
                (report.counts[&outcome], report.truncated),
                (1, false),
                "{outcome:?}"
            );
        }
    }
}

#[test]
fn a_reconcile_run_lists_500_users_and_counts_all() {
    for (failed, in_sync, truncated) in [(499, 3, false), (500, 3, false), (501, 3, true)] {
        let mut report = Report::empty("reconcile");
        (0..failed).for_each(|n| report.add(&result(&format!("user-{n}"), Outcome::Failed), now()));
        (0..in_sync).for_each(|_| report.add(&result("alice", Outcome::Unchanged), now()));
        let listed = report
            .users
            .iter()
            .map(|user| user.user.as_str())
            .collect::<Vec<_>>();
        let first = (0..failed.min(500))
            .map(|n| format!("user-{n}"))
            .collect::<Vec<_>>();
        assert_eq!(
            (listed, report.truncated),
            (first.iter().map(String::as_str).collect(), truncated)
        );
        let counts = (
            report.counts[&Outcome::Failed],
            report.counts[&Outcome::Unchanged],
        );
        assert_eq!(counts, (failed, in_sync));
    }
}

#[test]
fn a_full_report_lists_failures_first() {
    let mut report = Report::empty("reconcile");
    (0..600).for_each(|_| report.add(&result("alice", Outcome::Held), now()));
    (0..3).for_each(|n| report.add(&result(&format!("user-{n}"), Outcome::Failed), now()));
    let failed = |user: &&UserReport| user.outcome == Outcome::Failed;
    assert_eq!(report.users.iter().filter(failed).count(), 3);
    assert_eq!((report.users.len(), report.truncated), (500, true));
}
