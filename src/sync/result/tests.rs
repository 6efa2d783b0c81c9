use super::*;
use crate::snapshot::{CurrentKey, Event, ParameterView, Revision, SecretRecord, StateView};
use crate::testing::results::{result, snapshot};

const PLANNED: [Outcome; 2] = [Outcome::PlannedWritten, Outcome::PlannedRetired];

fn noon() -> Timestamp {
    "2025-06-02T12:00:00Z".parse().unwrap()
}

fn event() -> Event {
    Event {
        time: Some("2025-06-02T10:15:31Z".parse().unwrap()),
        deleted: false,
    }
}

#[test]
fn an_outcome_has_one_name() {
    for outcome in Outcome::ALL.into_iter().chain(PLANNED) {
        assert_eq!(serde_json::json!(outcome), outcome.as_str());
        assert_eq!(result("alice", outcome).outcome(), outcome);
    }
}

#[test]
fn an_error_makes_every_outcome_a_failure() {
    for outcome in Outcome::ALL {
        let failed = SyncResult {
            error: Some(Error::OutOfTime),
            ..result("alice", outcome)
        };
        assert_eq!(failed.outcome(), Outcome::Failed);
        assert_eq!(failed.reason(), Error::OutOfTime.to_string());
        assert_eq!(failed.vault_version(), None);
    }
}

#[test]
fn a_write_counts_if_nothing_more_is_to_be_done() {
    let written = result("alice", Outcome::Written);
    let in_sync = Plan {
        action: Action::Skip(Outcome::Unchanged),
        reason: Reason::InSync,
        stale_read: false,
    };
    let in_sync = SyncResult {
        plan: in_sync,
        ..written.clone()
    };
    assert_eq!(
        (in_sync.outcome(), in_sync.vault_version()),
        (Outcome::Written, Some(7))
    );
    assert_eq!(in_sync.reason(), Reason::Rotated.to_string());
    for last in [
        Outcome::Held,
        Outcome::Superseded,
        Outcome::Missing,
        Outcome::Failed,
    ] {
        let plan = result("alice", last).plan;
        let last_counts = SyncResult {
            plan,
            ..written.clone()
        };
        assert_eq!(
            (last_counts.outcome(), last_counts.vault_version()),
            (last, None)
        );
    }
}

#[test]
fn remarks_follow_the_reason() {
    let remarks = vec!["the first".to_owned(), "the second".to_owned()];
    let remarked = SyncResult {
        remarks,
        ..result("alice", Outcome::Unchanged)
    };
    let reason = format!("{}; note: the first; note: the second", Reason::Rotated);
    assert_eq!((remarked.reason(), remarked.is_notable()), (reason, true));
    assert!(!result("alice", Outcome::Unchanged).is_notable());
}

#[test]
fn a_message_returns_while_its_user_is_not_done() {
    // Without and with a stale read, each at the first and at a later delivery.
    for (outcome, expected) in [
        (Outcome::Written, [false, false, true, false]),
        (Outcome::Unchanged, [false, false, true, false]),
        (Outcome::Held, [true, true, true, true]),
        (Outcome::Superseded, [false, false, true, false]),
        (Outcome::Retired, [false, false, false, false]),
        (Outcome::Missing, [false, false, true, false]),
        (Outcome::Failed, [true, true, true, true]),
    ] {
        let redelivered =
            [(false, 1), (false, 2), (true, 1), (true, 2)].map(|(stale, delivery)| {
                let mut result = result("alice", outcome);
                result.plan.stale_read = stale;
                result.should_redeliver(delivery)
            });
        assert_eq!(redelivered, expected, "{outcome:?}");
    }
}

#[test]
fn a_key_is_missing_since_its_parameter_was_put() {
    use Outcome::{Failed, Held, Missing, Retired, Superseded, Unchanged, Written};
    let half_past_ten = Some("2025-06-02T10:30:00Z");
    for (outcomes, modified, expected) in [
        (&[Failed, Held][..], half_past_ten, Some(90)),
        (&[Failed, Held], Some("2025-05-31T12:00:00Z"), Some(48 * 60)),
        (&[Failed, Held], Some("2025-06-02T12:00:00Z"), Some(0)),
        // The clock of Parameter Store is ahead of ours.
        (&[Failed, Held], Some("2025-06-02T12:00:01Z"), Some(0)),
        // Nothing was read.
        (&[Failed, Held], None, None),
        (
            &[Written, Unchanged, Superseded, Retired, Missing],
            half_past_ten,
            None,
        ),
        (&PLANNED, half_past_ten, None),
    ] {
        for outcome in outcomes {
            let snapshot = snapshot(modified);
            let result = SyncResult {
                snapshot,
                ..result("alice", *outcome)
            };
            let minutes = result.unsynced_for(noon()).map(|missing| missing.as_mins());
            assert_eq!(minutes, expected, "{outcome:?}, {modified:?}");
        }
    }
}

#[test]
fn an_unknown_state_counts_as_missing_only_after_an_event() {
    let modified = "2025-06-02T06:00:00Z";
    let key =
        crate::keys::AccessKey::new("AKIA000000000KEY".into(), "secret-of-the-test-key".into())
            .unwrap();
    let revision = Revision {
        modified: modified.parse().unwrap(),
        version: 4,
    };
    let current = CurrentKey {
        id: key.id.clone(),
        fingerprint: key.fingerprint(),
        revision,
    };
    let failed = |state, event| {
        let parameter = ParameterView::Current(current.clone());
        let mut result = result("alice", Outcome::Failed);
        result.snapshot = Snapshot {
            parameter,
            state,
            event,
            ..snapshot(Some(modified))
        };
        result
            .unsynced_for(noon())
            .map(|missing| missing.as_hours())
    };
    let path = snapshot(None).target;
    let user = UserName::parse("alice").unwrap();
    let recorded = SecretRecord::of_written(&user, &current, &path, (1, None), noon());
    let recorded = || StateView::from(recorded.clone());
    let unknown = || StateView::Unreadable(Error::OutOfTime);
    assert_eq!(failed(unknown(), Some(event())), Some(6));
    assert_eq!(failed(unknown(), None), None);
    assert_eq!(failed(StateView::Absent, None), Some(6));
    assert_eq!(failed(recorded(), Some(event())), None);
}

#[test]
fn the_time_from_event_to_vault_is_never_negative() {
    let mut written = result("alice", Outcome::Written);
    assert_eq!(written.event_to_vault(), None);
    written.snapshot.event = Some(event());
    assert_eq!(written.event_to_vault(), Some(SignedDuration::from_secs(2)));
    written.written.as_mut().unwrap().0.at = "2025-06-02T10:15:00Z".parse().unwrap();
    assert_eq!(written.event_to_vault(), Some(SignedDuration::ZERO));
}
