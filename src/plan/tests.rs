//! One test per row of the table, named after the rule.

mod targets;

use super::*;
use crate::error::Error;
use crate::keys::{AccessKey, UserName};
use crate::snapshot::{Cas, RosterView};
use crate::snapshot::{CurrentKey, Event, Revision, StateView, TargetView, UserView};
use crate::testing::results::target;

const RECORDED: u64 = 4;

fn revision(day: u32, version: i64) -> Revision {
    Revision {
        modified: format!("2026-01-{day:02}T00:00:00Z").parse().unwrap(),
        version,
    }
}

fn current_key(id: &str, revision: Revision) -> CurrentKey {
    let key = AccessKey::new(
        format!("AKIA{id:0>12}").to_uppercase(),
        "secret-of-the-test-key".into(),
    )
    .unwrap();
    CurrentKey {
        id: id.to_owned(),
        fingerprint: key.fingerprint(),
        revision,
    }
}

fn current(id: &str, revision: Revision) -> ParameterView {
    ParameterView::Current(current_key(id, revision))
}

fn here() -> TargetView {
    target("aws/iam-keys/alice")
}

/// Returns the state after the key `id` of this revision was written.
fn state(id: &str, revision: Revision) -> SecretRecord {
    let user = UserName::parse("alice").unwrap();
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    SecretRecord::of_written(
        &user,
        &current_key(id, revision),
        &here(),
        (RECORDED, None),
        now,
    )
}

fn seen(parameter: ParameterView, state: Option<SecretRecord>) -> Snapshot {
    Snapshot {
        parameter,
        state: state.map_or(StateView::Absent, StateView::from),
        user: UserView::Absent,
        is_unrecorded: false,
        vault: VaultView::NotRead,
        created_at: None,
        created_by: None,
        roster: RosterView::Unknown,
        target: here(),
        assignment: Assignment::Named,
        mark: None,
        event: None,
        rejected: None,
        is_listed: false,
        state_age: None,
        safe_to_write: true,
    }
}

fn with_vault(vault: VaultView, seen: Snapshot) -> Snapshot {
    Snapshot { vault, ..seen }
}

fn with_roster(roster: RosterView, seen: Snapshot) -> Snapshot {
    Snapshot { roster, ..seen }
}

fn with_event(deleted: bool, time: &str, seen: Snapshot) -> Snapshot {
    let event = Event {
        time: Some(time.parse().unwrap()),
        deleted,
    };
    Snapshot {
        event: Some(event),
        ..seen
    }
}

fn at(version: u64) -> VaultView {
    VaultView::At(version)
}

fn deleted_at(version: u64) -> VaultView {
    VaultView::Deleted(version)
}

fn policy(on_user_deleted: OnUserDeleted) -> Policy {
    Policy {
        adopts: false,
        on_user_deleted,
        retirement: Retirement::Allowed,
    }
}

/// Returns what a snapshot leads to, as one line.
fn decided(seen: &Snapshot) -> String {
    decided_with(seen, policy(OnUserDeleted::Retain))
}

fn decided_with(seen: &Snapshot, policy: Policy) -> String {
    let Plan { action, reason, .. } = plan(seen, policy);
    let action = match action {
        Action::Skip(kind) => format!("{kind:?}"),
        Action::Adopt(vault_version) => format!("adopt {vault_version}"),
        Action::Write(Cas::Version(version)) => format!("write over {version}"),
        Action::Write(Cas::Unchecked) => "write unchecked".to_owned(),
        Action::Patch(version) => format!("merge over {version}"),
        Action::Retire(None) => "retire None".to_owned(),
        Action::Retire(Some(Removal::Version(version))) => format!("retire Some({version})"),
        Action::Retire(Some(Removal::Fields(version))) => format!("retire fields of {version}"),
        Action::Reobserve => "reobserve".to_owned(),
    };
    format!("{action}: {reason:?}")
}

/// Returns a user whose key `A` is recorded.
fn in_sync(read: Revision) -> Snapshot {
    seen(current("A", read), Some(state("A", read)))
}

#[test]
fn in_sync_while_parameter_and_state_agree() {
    let read = revision(2, 2);
    for vault in [VaultView::NotRead, at(RECORDED), VaultView::Hidden] {
        for rejected in [None, Some(Cas::Version(RECORDED - 1))] {
            let seen = Snapshot {
                rejected,
                ..with_vault(vault.clone(), in_sync(read))
            };
            assert_eq!(
                decided(&seen),
                "Unchanged: InSync",
                "{vault:?} {rejected:?}"
            );
        }
    }
    let put_again = seen(current("A", revision(3, 3)), Some(state("A", read)));
    assert_eq!(
        decided(&put_again),
        "adopt 4: PutAgain",
        "the same key in a newer revision"
    );
}

#[test]
fn drift_is_overwritten() {
    let with = |vault| decided(&with_vault(vault, in_sync(revision(2, 2))));
    assert_eq!(
        with(at(5)),
        "write over 5: OtherVersion { found: 5, recorded: 4 }"
    );
    assert_eq!(
        with(at(3)),
        "write over 3: OtherVersion { found: 3, recorded: 4 }"
    );
    assert_eq!(with(deleted_at(4)), "write over 4: Unreadable(4)");
    assert_eq!(with(VaultView::Absent), "write over 0: Vanished");
}

#[test]
fn a_new_user_is_written() {
    let new = seen(current("A", revision(1, 1)), None);
    assert_eq!(decided(&new), "write over 0: New");
    assert_eq!(
        decided(&with_vault(at(7), new.clone())),
        "write over 7: New"
    );
    let damaged = Snapshot {
        state: StateView::Damaged,
        ..new
    };
    assert_eq!(
        decided(&damaged),
        "write over 0: New",
        "a damaged state counts as absent"
    );
}

#[test]
fn a_rotated_key_is_written_over_the_recorded_version() {
    for (read, recorded) in [
        (revision(3, 4), revision(1, 2)),
        // A parameter that was created again starts at version 1 and is newer all the same.
        (revision(3, 1), revision(2, 9)),
        (revision(2, 2), revision(2, 2)),
    ] {
        let rotated = seen(current("B", read), Some(state("A", recorded)));
        assert_eq!(
            decided(&rotated),
            "write over 4: Rotated",
            "{read:?} {recorded:?}"
        );
    }
}

#[test]
fn an_older_key_never_follows_a_newer_one() {
    for (read, recorded) in [
        (revision(1, 2), revision(3, 4)),
        (revision(2, 2), revision(2, 3)),
    ] {
        for vault in [VaultView::NotRead, VaultView::Absent, deleted_at(9)] {
            let seen = with_vault(vault, seen(current("A", read), Some(state("B", recorded))));
            assert_eq!(decided(&seen), "Superseded: Superseded", "{:?}", seen.vault);
        }
    }
}

#[test]
fn a_write_is_unchecked_only_after_an_unexplained_rejection() {
    let with = |id, state, rejected| {
        let seen = with_vault(VaultView::Hidden, seen(current(id, revision(3, 4)), state));
        decided(&Snapshot {
            rejected: Some(rejected),
            ..seen
        })
    };
    let recorded = || Some(state("A", revision(1, 2)));
    let unexplained = with("B", recorded(), Cas::Version(RECORDED));
    assert_eq!(unexplained, "write unchecked: Rotated");
    let before = with("B", recorded(), Cas::Version(RECORDED - 1));
    assert_eq!(
        before, "write over 4: Rotated",
        "recorded after the rejection"
    );
    assert_eq!(with("B", None, Cas::Version(0)), "write unchecked: New");
}

#[test]
fn a_key_of_the_legacy_service_is_adopted() {
    let read = revision(2, 2);
    let legacy = SecretRecord {
        access_key_id: None,
        parameter_version: None,
        parameter_last_modified: None,
        vault_version: None,
        vault_path: None,
        ..state("A", read)
    };
    let with = |id, vault| {
        let seen = seen(current(id, read), Some(legacy.clone()));
        decided(&with_vault(vault, seen))
    };
    assert_eq!(with("A", at(7)), "adopt 7: Adopted");
    assert_eq!(with("A", VaultView::Hidden), "Unchanged: InSync");
    assert_eq!(with("A", VaultView::Absent), "write over 0: Vanished");
    assert_eq!(with("A", deleted_at(7)), "write over 7: Unreadable(7)");
    assert_eq!(with("B", at(7)), "write over 7: Rotated");
}

#[test]
fn a_key_recorded_at_another_path_is_written_here() {
    let read = revision(2, 2);
    let elsewhere = SecretRecord {
        vault_path: Some("secret/old/alice".into()),
        ..state("A", read)
    };
    let on_another_server = SecretRecord {
        vault_address: Some("https://old.example.org".into()),
        ..state("A", read)
    };
    let moved = seen(current("A", read), Some(elsewhere));
    assert_eq!(decided(&moved), "write over 0: Moved");
    // The version of another server is read first.
    let moved = seen(current("A", read), Some(on_another_server));
    assert_eq!(decided(&moved), "reobserve: Moved");
    let hidden = with_vault(VaultView::Hidden, moved.clone());
    assert_eq!(decided(&hidden), "write over 0: Moved");
    assert_eq!(
        decided(&with_vault(at(RECORDED), moved)),
        "write over 4: Moved"
    );
}

#[test]
fn a_version_counts_only_if_it_was_created_when_it_was_recorded() {
    let read = revision(2, 2);
    let then = Some("2026-01-01T00:00:00Z".parse().unwrap());
    let later = Some("2026-01-02T00:00:00Z".parse().unwrap());
    let with = |address: &str, created_at, found| {
        let recorded = SecretRecord {
            vault_created_at: created_at,
            vault_address: Some(address.to_owned()),
            ..state("A", read)
        };
        let seen = Snapshot {
            created_at: found,
            ..with_vault(at(RECORDED), seen(current("A", read), Some(recorded)))
        };
        decided(&seen)
    };
    let (here, other) = (
        "https://vault.example.org:8200",
        "https://other.example.org",
    );
    assert_eq!(with(here, then, then), "Unchanged: InSync");
    assert_eq!(with(here, then, later), "write over 4: Recreated(4)");
    assert_eq!(with(here, None, then), "Unchanged: InSync");
    assert_eq!(with(here, then, None), "Unchanged: InSync");
    assert_eq!(with(other, then, then), "adopt 4: Readdressed");
    assert_eq!(with(other, then, later), "write over 4: Moved");
    assert_eq!(with(other, None, later), "write over 4: Moved");
}

#[test]
fn another_server_at_another_version_is_a_move_and_no_drift() {
    let read = revision(2, 2);
    let recorded = SecretRecord {
        vault_address: Some("https://old.example.org".into()),
        ..state("A", read)
    };
    let moved = seen(current("A", read), Some(recorded));
    assert_eq!(decided(&with_vault(at(9), moved)), "write over 9: Moved");
}

#[test]
fn a_key_that_the_service_does_not_reach_is_left_behind_and_named() {
    let read = revision(2, 2);
    let then = Some("2026-01-01T00:00:00Z".parse().unwrap());
    let with = |path: &str, address: &str, found| {
        let recorded = SecretRecord {
            vault_path: Some(path.to_owned()),
            vault_address: Some(address.to_owned()),
            vault_created_at: then,
            ..state("A", read)
        };
        let gone = Snapshot {
            roster: RosterView::NotListed,
            created_at: found,
            ..with_vault(at(RECORDED), seen(ParameterView::Absent, Some(recorded)))
        };
        decided_with(&gone, policy(OnUserDeleted::SoftDelete))
    };
    let (path, here) = (
        "secret/aws/iam-keys/alice",
        "https://vault.example.org:8200",
    );
    let other = "https://old.example.org";
    assert_eq!(with(path, here, then), "retire Some(4): Gone");
    assert_eq!(
        with(path, other, then),
        "retire Some(4): Gone",
        "another name"
    );
    assert_eq!(
        with(path, other, None),
        "retire None: LeftBehind(\"https://old.example.org/secret/aws/iam-keys/alice\")"
    );
    let left = with("kv/alice", here, then);
    assert!(left.starts_with("retire None: LeftBehind"), "{left}");
}

fn retired() -> SecretRecord {
    let retired_at = Some("2026-01-05T00:00:00Z".parse().unwrap());
    SecretRecord {
        retired_at,
        ..state("A", revision(2, 2))
    }
}

#[test]
fn a_user_who_comes_back_is_written_again() {
    let with = |id, read| decided(&seen(current(id, read), Some(retired())));
    assert_eq!(with("A", revision(2, 2)), "write over 4: CameBack");
    assert_eq!(with("B", revision(6, 1)), "write over 4: CameBack");
    assert_eq!(with("B", revision(1, 1)), "Superseded: Superseded");
}

#[test]
fn the_last_good_key_stays_while_there_is_no_current() {
    let revision_3 = revision(3, 3);
    for revision in [None, Some(revision(1, 2)), Some(revision(9, 9))] {
        let state = revision.map(|revision| state("A", revision));
        let without = ParameterView::WithoutCurrent {
            revision: revision_3,
        };
        assert_eq!(decided(&seen(without, state)), "Held: WithoutCurrent");
    }
}

/// Returns a user whose parameter is absent, with a recorded key.
fn absent() -> Snapshot {
    seen(ParameterView::Absent, Some(state("A", revision(1, 2))))
}

#[test]
fn a_user_who_is_gone_is_retired() {
    let not_listed = with_roster(RosterView::NotListed, absent());
    assert_eq!(decided(&not_listed), "retire None: Gone");
    let reported = with_event(true, "2026-01-09T00:00:00Z", absent());
    assert_eq!(decided(&reported), "retire None: DeleteEvent");
    let deferred = Policy {
        retirement: Retirement::Deferred,
        ..policy(OnUserDeleted::SoftDelete)
    };
    assert_eq!(decided_with(&not_listed, deferred), "PlannedRetired: Gone");
}

#[test]
fn soft_delete_takes_the_latest_readable_version() {
    let with = |vault| {
        let gone = with_roster(RosterView::NotListed, with_vault(vault, absent()));
        decided_with(&gone, policy(OnUserDeleted::SoftDelete))
    };
    assert_eq!(with(at(6)), "retire Some(6): Gone");
    assert_eq!(with(VaultView::Hidden), "retire Some(4): Gone");
    assert_eq!(with(deleted_at(6)), "retire None: Gone");
    assert_eq!(with(VaultView::Absent), "retire None: Gone");
}

#[test]
fn retiring_twice_changes_nothing() {
    let with = |roster| {
        let seen = with_roster(roster, seen(ParameterView::Absent, Some(retired())));
        decided_with(&seen, policy(OnUserDeleted::SoftDelete))
    };
    assert_eq!(with(RosterView::NotListed), "Unchanged: AlreadyRetired");
    assert_eq!(with(RosterView::Unknown), "Unchanged: AlreadyRetired");
    assert_eq!(with(RosterView::Listed), "Missing: ListedWithoutParameter");
}

#[test]
fn a_listed_user_without_a_parameter_is_missing() {
    for deleted in [false, true] {
        let seen = with_event(
            deleted,
            "2026-01-09T00:00:00Z",
            with_roster(RosterView::Listed, absent()),
        );
        assert_eq!(decided(&seen), "Missing: ListedWithoutParameter");
    }
}

#[test]
fn an_absent_parameter_alone_retires_no_user() {
    assert_eq!(decided(&absent()), "Missing: NoParameter");
    let never_seen = with_roster(RosterView::NotListed, seen(ParameterView::Absent, None));
    assert_eq!(decided(&never_seen), "Missing: NeverSeen");
    let unnameable = seen(ParameterView::Unnameable, None);
    assert_eq!(decided(&unnameable), "Missing: Unnameable");
}

#[test]
fn a_malformed_parameter_keeps_the_last_good_key() {
    let (revision, problem) = (revision(3, 3), "is not JSON".into());
    let malformed = ParameterView::Malformed { revision, problem };
    let seen = seen(malformed, Some(retired()));
    assert_eq!(decided(&seen), r#"Failed: Malformed("is not JSON")"#);
}

#[test]
fn a_source_that_could_not_be_read_decides_nothing() {
    let error = || Error::denied("reading", "it", "allow it");
    let unreadable = seen(ParameterView::Unreadable(error()), Some(retired()));
    let new = || seen(current("A", revision(2, 2)), None);
    for seen in [
        with_roster(RosterView::NotListed, unreadable),
        with_vault(VaultView::Unreadable(error()), new()),
        with_roster(RosterView::Unreadable(error()), absent()),
        Snapshot {
            state: StateView::Unreadable(error()),
            ..new()
        },
    ] {
        let seen = with_event(true, "2026-01-09T00:00:00Z", seen);
        let expected = format!("Failed: NotRead({:?})", error().to_string());
        assert_eq!(decided(&seen), expected, "{seen:?}");
    }
}

#[test]
fn vault_changes_only_if_it_was_read_before_the_parameter() {
    let unsafe_to_write = |seen| Snapshot {
        safe_to_write: false,
        ..seen
    };
    let read = revision(2, 2);
    let drift = unsafe_to_write(with_vault(at(5), in_sync(read)));
    assert_eq!(
        decided(&drift),
        "reobserve: OtherVersion { found: 5, recorded: 4 }"
    );
    let gone = with_roster(RosterView::NotListed, with_vault(at(6), absent()));
    let gone = unsafe_to_write(gone);
    let soft_delete = policy(OnUserDeleted::SoftDelete);
    assert_eq!(decided_with(&gone, soft_delete), "reobserve: Gone");
    assert_eq!(
        decided(&gone),
        "retire None: Gone",
        "nothing changes in Vault"
    );
    assert_eq!(
        decided(&unsafe_to_write(in_sync(read))),
        "Unchanged: InSync"
    );
}

#[test]
fn a_put_that_cannot_be_read_retires_no_user() {
    let read = revision(3, 3);
    let gone = Snapshot {
        roster: RosterView::NotListed,
        ..seen(ParameterView::Absent, Some(state("A", read)))
    };
    let soft_delete = policy(OnUserDeleted::SoftDelete);
    for (deleted, expected) in [(false, "Missing: PutNotRead"), (true, "retire")] {
        let seen = with_event(deleted, "2026-01-04T00:00:00Z", gone.clone());
        let decided = decided_with(&seen, soft_delete);
        assert!(decided.starts_with(expected), "{decided}");
        assert_eq!(plan(&seen, soft_delete).stale_read, !deleted);
    }
}

#[test]
fn a_read_is_stale_if_the_event_is_newer() {
    let read = revision(3, 3);
    let recorded = |id| seen(current(id, read), Some(state("A", read)));
    let held = || seen(ParameterView::WithoutCurrent { revision: read }, None);
    let absent = || seen(ParameterView::Absent, None);
    let unreadable = seen(ParameterView::Unreadable(Error::OutOfTime), None);
    let (put, delete) = (false, true);
    for (seen, deleted, time, stale) in [
        (recorded("A"), put, "2026-01-03T00:00:02Z", false),
        (recorded("A"), put, "2026-01-03T00:00:02.001Z", true),
        (recorded("B"), put, "2026-01-04T00:00:00Z", true),
        (recorded("B"), put, "2026-01-02T00:00:00Z", false),
        // The second put follows within seconds.
        (held(), put, "2026-01-03T00:00:00.001Z", true),
        (held(), put, "2026-01-03T00:00:00Z", false),
        // The put cannot be read yet.
        (absent(), put, "2026-01-03T00:00:00Z", true),
        (absent(), delete, "2026-01-03T00:00:00Z", false),
        (unreadable, put, "2026-01-03T00:00:00Z", false),
    ] {
        let seen = with_event(deleted, time, seen);
        let plan = plan(&seen, policy(OnUserDeleted::Retain));
        assert_eq!(plan.stale_read, stale, "{time}: {seen:?}");
    }
    let without_time = Event {
        time: None,
        deleted: false,
    };
    let seen = Snapshot {
        event: Some(without_time),
        ..held()
    };
    assert!(!plan(&seen, policy(OnUserDeleted::Retain)).stale_read);
}

#[test]
fn a_newer_record_is_overruled_if_no_other_run_can_be_faster() {
    let newer = seen(
        current("A", revision(2, 2)),
        Some(state("B", revision(3, 4))),
    );
    let aged = |minutes, vault: &VaultView| Snapshot {
        state_age: Some(SignedDuration::from_mins(minutes)),
        vault: vault.clone(),
        ..newer.clone()
    };
    for (minutes, vault, expected) in [
        (-60, at(4), "Superseded: Superseded"),
        (15, at(4), "Superseded: Superseded"),
        (16, VaultView::NotRead, "reobserve: Overruled"),
        (16, at(4), "write over 4: Overruled"),
        (16, at(7), "write over 7: Overruled"),
        (16, VaultView::Hidden, "write over 4: Overruled"),
    ] {
        assert_eq!(
            decided(&aged(minutes, &vault)),
            expected,
            "{minutes} min, {vault:?}"
        );
    }
}

#[test]
fn a_key_that_is_put_again_advances_the_recorded_revision() {
    let with = |read, recorded, vault| {
        let seen = seen(current("A", read), Some(state("A", recorded)));
        decided(&Snapshot { vault, ..seen })
    };
    let (old, new) = (revision(2, 2), revision(3, 3));
    for vault in [VaultView::NotRead, at(RECORDED), VaultView::Hidden] {
        assert_eq!(with(new, old, vault.clone()), "adopt 4: PutAgain");
        assert_eq!(with(old, old, vault), "Unchanged: InSync");
    }
    assert_eq!(
        with(new, old, at(5)),
        "write over 5: OtherVersion { found: 5, recorded: 4 }"
    );
}

#[test]
fn a_deletion_before_the_recorded_put_retires_no_user() {
    for (time, expected, stale) in [
        ("2026-01-01T00:00:00Z", "retire None: DeleteEvent", false),
        (
            "2025-12-31T23:59:59Z",
            "Missing: RecordedAfterDeletion",
            true,
        ),
        ("2026-01-02T00:00:00Z", "retire None: DeleteEvent", false),
    ] {
        let seen = Snapshot {
            event: Some(Event {
                time: Some(time.parse().unwrap()),
                deleted: true,
            }),
            ..absent()
        };
        assert_eq!(decided(&seen), expected, "{time}");
        let plan = plan(&seen, policy(OnUserDeleted::Retain));
        assert_eq!(plan.stale_read, stale, "{time}: the read may be stale");
    }
    let without_time = Some(Event {
        time: None,
        deleted: true,
    });
    let seen = Snapshot {
        event: without_time,
        ..absent()
    };
    assert_eq!(decided(&seen), "Missing: RecordedAfterDeletion");
}

#[test]
fn a_listing_is_only_a_hint() {
    let listed = |seen: Snapshot| Snapshot {
        is_listed: true,
        ..seen
    };
    assert_eq!(decided(&listed(absent())), "reobserve: NoParameter");
    let on_roster = Snapshot {
        roster: RosterView::Listed,
        ..absent()
    };
    assert_eq!(
        decided(&listed(on_roster)),
        "reobserve: ListedWithoutParameter"
    );
    let unnameable = seen(ParameterView::Unnameable, None);
    assert_eq!(decided(&listed(unnameable)), "Missing: Unnameable");
    // The parameter was listed before the user was retired.
    let retired_since = seen(current("A", revision(2, 2)), Some(retired()));
    assert_eq!(decided(&listed(retired_since)), "reobserve: CameBack");
    let came_back = seen(current("B", revision(6, 1)), Some(retired()));
    assert_eq!(decided(&listed(came_back)), "write over 4: CameBack");
}
