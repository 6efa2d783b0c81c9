use serde_json::json;

use super::*;
use crate::snapshot::Revision;

fn of(user: &str, outcome: Outcome) -> UserReport {
    let mut report = UserReport::begin(UserName::parse(user).unwrap());
    report.end(outcome, format!("{} for a reason", outcome.as_str()), None);
    report
}

fn read_at(modified: &str) -> Parameter {
    Parameter::WithoutCurrent { revision: Revision { modified: modified.parse().unwrap(), version: 4 } }
}

fn report_of(trigger: &'static str, users: Vec<UserReport>, millis: u64) -> Report {
    let mut report = Report { millis, ..Report::begin(trigger) };
    users.into_iter().for_each(|user| report.add(user));
    report
}

#[test]
fn a_report_has_these_names() {
    let mut alice = of("alice", Outcome::Held);
    alice.saw(&read_at("2025-06-02T10:15:30Z"));
    alice.end(Outcome::Written, "rotated: the parameter holds a newer key".into(), Some(7));
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
    let users = Outcome::ALL.iter().enumerate().flat_map(|(n, outcome)| (0..=n).map(|_| of("alice", *outcome)));
    let report = report_of("sync", users.collect(), 0);
    assert_eq!(report.counts.into_iter().collect::<Vec<_>>(), Outcome::ALL.into_iter().zip(1..).collect::<Vec<_>>());
    assert!(report_of("sync", vec![], 0).counts.into_values().all(|count| count == 0));
}

#[test]
fn an_outcome_has_one_name() {
    for outcome in Outcome::ALL {
        assert_eq!(json!(outcome), outcome.as_str());
    }
}

#[test]
fn a_report_tells_of_the_parameter_that_was_read_last() {
    let mut report = of("alice", Outcome::Unchanged);
    report.saw(&read_at("2025-06-02T10:15:30Z"));
    let noted = |report: &UserReport| (report.parameter_version, report.notes.parameter_modified);
    assert_eq!(noted(&report), (Some(4), Some("2025-06-02T10:15:30Z".parse().unwrap())));
    report.saw(&Parameter::Absent);
    assert_eq!(noted(&report), (None, None));
}

#[test]
fn a_user_of_whom_nothing_more_is_known_has_failed() {
    assert_eq!(UserReport::begin(UserName::parse("alice").unwrap()).outcome, Outcome::Failed);
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
        (Outcome::Written, [false, false, false, false]),
        (Outcome::Unchanged, [false, false, true, false]),
        (Outcome::Held, [true, true, true, true]),
        (Outcome::Superseded, [false, false, false, false]),
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
fn the_answer_to_sqs_names_exactly_the_messages_that_go_back() {
    let answer = |ids: &[&str]| json!(batch_response(ids.iter().map(|id| (*id).to_owned())));
    let expected = json!({ "batchItemFailures": [{ "itemIdentifier": "m-1" }, { "itemIdentifier": "m-3" }] });
    assert_eq!(answer(&["m-1", "m-3"]), expected);
    assert_eq!(answer(&[]), json!({ "batchItemFailures": [] }));
}

#[test]
fn a_report_with_a_failed_user_is_an_error_that_tells_why() {
    for outcome in Outcome::ALL {
        let answer = report_of("event", vec![of("alice", outcome)], 0).or_failed();
        match outcome {
            Outcome::Failed => {
                let error = answer.unwrap_err();
                assert_eq!((error.kind(), error.to_string()), ("SyncFailed", "alice: failed for a reason".to_owned()));
            }
            _ => assert_eq!(answer.unwrap().users[0].outcome, outcome),
        }
    }
}
