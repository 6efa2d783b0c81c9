//! One test per row of the table, named after the rule.

use super::*;
use crate::error::Error;
use crate::keys::{AccessKey, VaultPath};
use crate::snapshot::Revision;

const RECORDED: u64 = 4;

fn revision(day: u32, version: i64) -> Revision {
    Revision {
        modified: format!("2026-01-{day:02}T00:00:00Z").parse().unwrap(),
        version,
    }
}

fn current(id: &str, revision: Revision) -> Parameter {
    let key = AccessKey::new(id.to_owned(), "secret".into()).unwrap();
    Parameter::Current(CurrentKey {
        fingerprint: key.fingerprint(),
        key,
        revision,
    })
}

fn path() -> VaultPath {
    VaultPath {
        mount: "secret".into(),
        path: "aws/iam-keys/alice".into(),
    }
}

/// The state after the key `id` of this revision was written.
fn state(id: &str, revision: Revision) -> UserState {
    let Parameter::Current(current) = current(id, revision) else {
        unreachable!("it was made above")
    };
    let user = crate::keys::UserName::parse("alice").unwrap();
    UserState::of_written(
        &user,
        &current,
        &path(),
        RECORDED,
        "2026-01-01T00:00:00Z".parse().unwrap(),
    )
}

fn seen(parameter: Parameter, state: Option<UserState>) -> Snapshot {
    let (vault, roster) = (VaultView::NotRead, RosterView::Unknown);
    Snapshot {
        parameter,
        state,
        vault,
        roster,
        path: path(),
        told_deleted: false,
    }
}

/// What a snapshot leads to, as one line.
fn decided(seen: &Snapshot) -> String {
    decided_with(seen, OnUserDeleted::Retain)
}

fn decided_with(seen: &Snapshot, on_user_deleted: OnUserDeleted) -> String {
    let Plan { step, reason } = plan(seen, on_user_deleted);
    let step = match step {
        Step::Nothing => "nothing".to_owned(),
        Step::Adopt { vault_version, .. } => format!("adopt version {vault_version}"),
        Step::Write { current, cas } => format!("write {} {cas:?}", current.key.id),
        Step::Hold => "hold".to_owned(),
        Step::Yield => "yield".to_owned(),
        Step::Retire { soft_delete, .. } => format!("retire {soft_delete:?}"),
        Step::ReportMissing => "missing".to_owned(),
        Step::Fail => "fail".to_owned(),
    };
    format!("{step}: {reason:?}")
}

#[test]
fn nothing_is_done_while_parameter_and_state_agree() {
    let at = revision(2, 2);
    for vault in [
        VaultView::NotRead,
        VaultView::At {
            version: RECORDED,
            readable: true,
        },
        VaultView::Hidden { refused: None },
        VaultView::Hidden {
            refused: Some(Cas::Version(RECORDED - 1)),
        },
    ] {
        let seen = Snapshot {
            vault,
            ..seen(current("A", at), Some(state("A", at)))
        };
        assert_eq!(decided(&seen), "nothing: InStep", "{vault:?}");
    }
    let put_again = seen(current("A", revision(3, 3)), Some(state("A", at)));
    assert_eq!(
        decided(&put_again),
        "nothing: InStep",
        "the same key in a newer revision"
    );
}

#[test]
fn drift_is_written_over() {
    let at = revision(2, 2);
    let with = |vault| {
        decided(&Snapshot {
            vault,
            ..seen(current("A", at), Some(state("A", at)))
        })
    };
    assert_eq!(
        with(VaultView::At {
            version: 5,
            readable: true
        }),
        "write A Version(5): OtherVersion { found: 5, recorded: 4 }"
    );
    assert_eq!(
        with(VaultView::At {
            version: 3,
            readable: true
        }),
        "write A Version(3): OtherVersion { found: 3, recorded: 4 }"
    );
    assert_eq!(
        with(VaultView::At {
            version: 4,
            readable: false
        }),
        "write A Version(4): Unreadable(4)"
    );
    assert_eq!(with(VaultView::Absent), "write A Version(0): Vanished");
}

#[test]
fn a_new_user_is_written_where_nothing_is() {
    assert_eq!(
        decided(&seen(current("A", revision(1, 1)), None)),
        "write A Version(0): New"
    );
}

#[test]
fn a_new_user_is_written_over_what_vault_turns_out_to_hold() {
    let vault = VaultView::At {
        version: 7,
        readable: true,
    };
    let seen = Snapshot {
        vault,
        ..seen(current("A", revision(1, 1)), None)
    };
    assert_eq!(decided(&seen), "write A Version(7): New");
}

#[test]
fn a_rotated_key_is_written_over_the_recorded_version() {
    let rotated = seen(
        current("B", revision(3, 4)),
        Some(state("A", revision(1, 2))),
    );
    assert_eq!(decided(&rotated), "write B Version(4): Rotated");
}

#[test]
fn a_recreated_parameter_starts_at_version_1_and_is_newer_all_the_same() {
    let recreated = seen(
        current("B", revision(3, 1)),
        Some(state("A", revision(2, 9))),
    );
    assert_eq!(decided(&recreated), "write B Version(4): Rotated");
}

#[test]
fn another_key_of_the_same_revision_is_written() {
    let seen = seen(
        current("B", revision(2, 2)),
        Some(state("A", revision(2, 2))),
    );
    assert_eq!(decided(&seen), "write B Version(4): Rotated");
}

#[test]
fn an_older_key_never_follows_a_newer_one() {
    for (read, recorded) in [
        (revision(1, 2), revision(3, 4)),
        (revision(2, 2), revision(2, 3)),
    ] {
        for vault in [
            VaultView::NotRead,
            VaultView::Absent,
            VaultView::At {
                version: 9,
                readable: false,
            },
        ] {
            let seen = Snapshot {
                vault,
                ..seen(current("A", read), Some(state("B", recorded)))
            };
            assert_eq!(decided(&seen), "yield: Superseded", "{vault:?}");
        }
    }
}

#[test]
fn a_refused_guard_that_nothing_explains_is_dropped_only_where_metadata_is_hidden() {
    let refused = |cas| VaultView::Hidden { refused: Some(cas) };
    let rotated = |vault| {
        decided(&Snapshot {
            vault,
            ..seen(
                current("B", revision(3, 4)),
                Some(state("A", revision(1, 2))),
            )
        })
    };
    assert_eq!(
        rotated(refused(Cas::Version(RECORDED))),
        "write B Unchecked: Rotated"
    );
    assert_eq!(
        rotated(refused(Cas::Version(RECORDED - 1))),
        "write B Version(4): Rotated",
        "recorded since: worth a try"
    );
    let new = Snapshot {
        vault: refused(Cas::Version(0)),
        ..seen(current("A", revision(1, 1)), None)
    };
    assert_eq!(decided(&new), "write A Unchecked: New");
}

#[test]
fn the_legacy_services_key_is_taken_over_without_a_write() {
    let at = revision(2, 2);
    let legacies = UserState {
        access_key_id: None,
        parameter_version: None,
        parameter_last_modified: None,
        vault_version: None,
        vault_path: None,
        ..state("A", at)
    };
    let with = |id, vault| {
        decided(&Snapshot {
            vault,
            ..seen(current(id, at), Some(legacies.clone()))
        })
    };
    let there = VaultView::At {
        version: 7,
        readable: true,
    };
    assert_eq!(with("A", there), "adopt version 7: TakenOver");
    assert_eq!(
        with("A", VaultView::Hidden { refused: None }),
        "nothing: InStep"
    );
    assert_eq!(with("A", VaultView::Absent), "write A Version(0): Vanished");
    assert_eq!(
        with(
            "A",
            VaultView::At {
                version: 7,
                readable: false
            }
        ),
        "write A Version(7): Unreadable(7)"
    );
    assert_eq!(with("B", there), "write B Version(7): Rotated");
}

#[test]
fn a_key_recorded_at_another_path_is_written_to_this_one() {
    let at = revision(2, 2);
    let elsewhere = UserState {
        vault_path: Some("secret/old/alice".into()),
        ..state("A", at)
    };
    assert_eq!(
        decided(&seen(current("A", at), Some(elsewhere))),
        "write A Version(0): Moved"
    );
}

#[test]
fn a_user_who_comes_back_is_written_again() {
    let at = revision(2, 2);
    let retired = UserState {
        retired_at: Some("2026-01-05T00:00:00Z".parse().unwrap()),
        ..state("A", at)
    };
    assert_eq!(
        decided(&seen(current("A", at), Some(retired.clone()))),
        "write A Version(4): CameBack"
    );
    assert_eq!(
        decided(&seen(current("B", revision(6, 1)), Some(retired.clone()))),
        "write B Version(4): CameBack"
    );
    assert_eq!(
        decided(&seen(current("B", revision(1, 1)), Some(retired))),
        "yield: Superseded"
    );
}

#[test]
fn keeps_the_last_good_key_while_the_parameter_has_no_current() {
    for state in [
        None,
        Some(state("A", revision(1, 2))),
        Some(state("A", revision(9, 9))),
    ] {
        let seen = seen(
            Parameter::WithoutCurrent {
                revision: revision(3, 3),
            },
            state,
        );
        assert_eq!(decided(&seen), "hold: WithoutCurrent");
    }
}

#[test]
fn a_user_who_is_gone_is_retired() {
    let recorded = state("A", revision(1, 2));
    let off_the_roster = Snapshot {
        roster: RosterView::NotListed,
        ..seen(Parameter::Absent, Some(recorded.clone()))
    };
    assert_eq!(decided(&off_the_roster), "retire None: Gone");
    let told = Snapshot {
        told_deleted: true,
        ..seen(Parameter::Absent, Some(recorded))
    };
    assert_eq!(decided(&told), "retire None: ToldDeleted");
}

#[test]
fn soft_delete_takes_the_latest_readable_version() {
    let with = |vault| {
        let gone = seen(Parameter::Absent, Some(state("A", revision(1, 2))));
        decided_with(
            &Snapshot {
                roster: RosterView::NotListed,
                vault,
                ..gone
            },
            OnUserDeleted::SoftDelete,
        )
    };
    assert_eq!(
        with(VaultView::At {
            version: 6,
            readable: true
        }),
        "retire Some(6): Gone"
    );
    assert_eq!(
        with(VaultView::Hidden { refused: None }),
        "retire Some(4): Gone"
    );
    assert_eq!(
        with(VaultView::At {
            version: 6,
            readable: false
        }),
        "retire None: Gone"
    );
    assert_eq!(with(VaultView::Absent), "retire None: Gone");
}

#[test]
fn retiring_twice_changes_nothing() {
    let retired = UserState {
        retired_at: Some("2026-01-05T00:00:00Z".parse().unwrap()),
        ..state("A", revision(1, 2))
    };
    let seen = Snapshot {
        roster: RosterView::NotListed,
        ..seen(Parameter::Absent, Some(retired))
    };
    assert_eq!(
        decided_with(&seen, OnUserDeleted::SoftDelete),
        "nothing: AlreadyRetired"
    );
    let nobody_says = Snapshot {
        roster: RosterView::Unknown,
        ..seen
    };
    assert_eq!(decided(&nobody_says), "nothing: AlreadyRetired");
    let back_on_the_roster = Snapshot {
        roster: RosterView::Listed,
        ..nobody_says
    };
    assert_eq!(
        decided(&back_on_the_roster),
        "missing: ListedWithoutParameter"
    );
}

#[test]
fn a_user_on_the_roster_without_a_parameter_is_missing_whatever_an_event_says() {
    for told_deleted in [false, true] {
        let gone = seen(Parameter::Absent, Some(state("A", revision(1, 2))));
        let seen = Snapshot {
            roster: RosterView::Listed,
            told_deleted,
            ..gone
        };
        assert_eq!(decided(&seen), "missing: ListedWithoutParameter");
    }
}

#[test]
fn an_absent_parameter_alone_retires_nobody() {
    let seen = seen(Parameter::Absent, Some(state("A", revision(1, 2))));
    assert_eq!(decided(&seen), "missing: NoParameter");
}

#[test]
fn a_user_never_seen_cannot_be_retired() {
    let seen = Snapshot {
        roster: RosterView::NotListed,
        ..seen(Parameter::Absent, None)
    };
    assert_eq!(decided(&seen), "missing: NeverSeen");
}

#[test]
fn a_name_that_no_parameter_can_have_is_missing() {
    assert_eq!(
        decided(&seen(Parameter::Unnameable, None)),
        "missing: Unnameable"
    );
}

#[test]
fn a_malformed_parameter_leaves_the_last_good_key() {
    let malformed = Parameter::Malformed {
        revision: revision(3, 3),
        problem: "is not JSON".into(),
    };
    assert_eq!(
        decided(&seen(malformed, Some(state("A", revision(1, 2))))),
        r#"fail: Malformed("is not JSON")"#
    );
}

#[test]
fn nothing_is_concluded_from_a_parameter_that_could_not_be_read() {
    let error = || Error::Denied {
        operation: "reading",
        subject: "it".into(),
        remedy: "allow it",
    };
    for roster in [
        RosterView::Unknown,
        RosterView::NotListed,
        RosterView::Listed,
    ] {
        let unread = seen(
            Parameter::Unreadable(error()),
            Some(state("A", revision(1, 2))),
        );
        let seen = Snapshot {
            roster,
            told_deleted: true,
            ..unread
        };
        assert_eq!(
            decided(&seen),
            r#"fail: NotRead("reading it: denied; allow it")"#
        );
    }
}
