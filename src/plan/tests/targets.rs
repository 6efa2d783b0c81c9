//! The rules about several secrets of one user, and about secrets that others write.

use super::*;
use crate::snapshot::Mark;

/// Returns a target of a document that keeps fields of others.
fn merged() -> TargetView {
    TargetView {
        definition: Some("defined".to_owned()),
        fields: vec!["KEY".to_owned()],
        merge: true,
        has_default_form: false,
        has_default_fields: true,
        ..here()
    }
}

/// Returns a user with a merged target at this version in Vault, and this record.
fn at_target(parameter: ParameterView, record: Option<SecretRecord>, vault: VaultView) -> Snapshot {
    let record = record.map(|record| SecretRecord {
        definition: Some("defined".to_owned()),
        ..record
    });
    Snapshot {
        target: merged(),
        ..with_vault(vault, seen(parameter, record))
    }
}

fn assigned(assignment: Assignment, seen: Snapshot) -> Snapshot {
    Snapshot { assignment, ..seen }
}

fn marked_by(tool: Option<&str>, seen: Snapshot) -> Snapshot {
    let mark = Mark {
        managed_by: tool.map(str::to_owned),
        parameter_version: seen.parameter.revision().map(|read| read.version),
        ..Mark::default()
    };
    Snapshot {
        mark: Some(mark),
        ..seen
    }
}

#[test]
fn the_key_of_a_user_without_a_target_is_published_nowhere() {
    for parameter in [current("A", revision(2, 2)), ParameterView::Absent] {
        let untargeted = assigned(Assignment::Untargeted, seen(parameter, None));
        assert_eq!(decided(&untargeted), "Untargeted: Untargeted");
    }
}

#[test]
fn a_user_without_a_target_whose_keys_are_all_retired_is_no_longer_reported() {
    let retired = |parameter| Snapshot {
        user: UserView::Retired,
        ..assigned(Assignment::Untargeted, seen(parameter, None))
    };
    let gone = retired(ParameterView::Absent);
    assert_eq!(decided(&gone), "Unchanged: AlreadyRetired");
    let came_back = retired(current("A", revision(2, 2)));
    assert_eq!(decided(&came_back), "Untargeted: Untargeted");
}

#[test]
fn a_secret_whose_target_was_removed_is_reported_until_it_is_deleted() {
    let removed = |vault| {
        let removed = Assignment::Removed("apps/a".to_owned());
        decided(&assigned(removed, with_vault(vault, absent())))
    };
    for vault in [VaultView::NotRead, VaultView::Hidden, at(9)] {
        assert_eq!(removed(vault), "Untargeted: TargetRemoved");
    }
    for vault in [VaultView::Absent, deleted_at(4)] {
        assert_eq!(removed(vault), "retire None: RemovedAndDeleted");
    }
}

#[test]
fn a_secret_that_is_now_that_of_another_user_is_no_longer_recorded() {
    let reassigned = Assignment::Reassigned("apps/a".to_owned());
    let seen = assigned(reassigned, with_vault(at(4), absent()));
    assert_eq!(
        decided_with(&seen, policy(OnUserDeleted::SoftDelete)),
        "retire None: Reassigned"
    );
}

#[test]
fn no_secret_gets_a_key_that_is_older_than_that_of_another() {
    let with = |minutes, newest: Revision, record| {
        let read = current("A", revision(2, 2));
        let age = SignedDuration::from_mins(minutes);
        decided(&Snapshot {
            user: UserView::Published(Some(newest), age),
            ..at_target(read, record, VaultView::NotRead)
        })
    };
    let older = || Some(state("B", revision(1, 1)));
    for (record, written) in [
        (None, "write over 0: New"),
        (older(), "merge over 4: Rotated"),
    ] {
        let with = |minutes, newest| with(minutes, newest, record.clone());
        assert_eq!(with(0, revision(3, 3)), "Superseded: Superseded");
        assert_eq!(with(15, revision(3, 3)), "Superseded: Superseded");
        assert_eq!(with(16, revision(3, 3)), written, "it is overruled");
        assert_eq!(with(0, revision(2, 2)), written, "it is the same");
    }
}

#[test]
fn a_secret_of_another_tool_is_written_only_if_it_is_adopted() {
    let read = current("A", revision(2, 2));
    let foreign = |vault| {
        let seen = at_target(read.clone(), None, vault);
        marked_by(Some("external-secrets"), seen)
    };
    for vault in [at(7), deleted_at(7)] {
        let decided = decided(&foreign(vault));
        assert_eq!(decided, "Foreign: Foreign(\"external-secrets\")");
    }
    assert_eq!(decided(&foreign(VaultView::Absent)), "write over 0: New");
    let adopting = Policy {
        adopts: true,
        ..policy(OnUserDeleted::Retain)
    };
    assert_eq!(decided_with(&foreign(at(7)), adopting), "merge over 7: New");
    let recorded = at_target(read.clone(), Some(state("B", revision(1, 1))), at(4));
    let recorded = marked_by(Some("external-secrets"), recorded);
    assert_eq!(decided(&recorded), "merge over 4: Rotated", "it is ours");
    let moved = SecretRecord {
        vault_path: Some("apps/elsewhere".to_owned()),
        ..state("A", revision(2, 2))
    };
    let moved = marked_by(
        Some("external-secrets"),
        at_target(read, Some(moved), at(7)),
    );
    assert_eq!(decided(&moved), "Foreign: Foreign(\"external-secrets\")");
}

#[test]
fn a_secret_that_is_marked_with_the_parameters_version_is_recorded_unwritten() {
    let read = current("A", revision(2, 2));
    let marked = marked_by(None, at_target(read, None, at(7)));
    assert_eq!(decided(&marked), "adopt 7: AdoptedByMark");
    let with = |change: fn(&mut Snapshot)| {
        let mut seen = marked.clone();
        change(&mut seen);
        decided(&seen)
    };
    let mark = |seen: &mut Snapshot, change: fn(&mut Mark)| change(seen.mark.as_mut().unwrap());
    for (case, decided) in [
        (
            "own fields",
            with(|seen| seen.target.has_default_fields = false),
        ),
        ("another version", {
            let mut seen = marked.clone();
            mark(&mut seen, |mark| mark.parameter_version = Some(1));
            decided(&seen)
        }),
        ("written since", {
            let mut seen = marked.clone();
            mark(&mut seen, |mark| mark.vault_version = Some(6));
            decided(&seen)
        }),
        ("of another user", {
            let mut seen = marked.clone();
            mark(&mut seen, |mark| mark.is_of_other_user = true);
            decided(&seen)
        }),
    ] {
        assert_eq!(decided, "merge over 7: New", "{case}");
    }
}

#[test]
fn a_changed_definition_is_written() {
    let redefined = Snapshot {
        target: TargetView {
            definition: Some("other".to_owned()),
            ..merged()
        },
        ..at_target(
            current("A", revision(2, 2)),
            Some(state("A", revision(2, 2))),
            at(RECORDED),
        )
    };
    assert_eq!(decided(&redefined), "merge over 4: Redefined");
}

#[test]
fn a_write_that_is_not_recorded_yet_is_recorded() {
    let unrecorded = Snapshot {
        is_unrecorded: true,
        ..in_sync(revision(2, 2))
    };
    assert_eq!(decided(&unrecorded), "adopt 4: Unrecorded");
}

#[test]
fn a_target_without_known_version_is_not_written() {
    let rejected = |target| {
        let hidden = at_target(current("A", revision(2, 2)), None, VaultView::Hidden);
        decided(&Snapshot {
            rejected: Some(Cas::Version(0)),
            target,
            ..hidden
        })
    };
    assert_eq!(rejected(merged()), "Failed: MetadataNeeded");
    assert_eq!(rejected(here()), "write unchecked: New");
}

#[test]
fn a_user_who_is_gone_has_no_key_in_a_secret_that_was_never_written() {
    let gone = |user| Snapshot {
        user,
        ..with_roster(RosterView::NotListed, seen(ParameterView::Absent, None))
    };
    let published = UserView::Published(Some(revision(2, 2)), SignedDuration::ZERO);
    assert_eq!(decided(&gone(published)), "Unchanged: NeverPublished");
    assert_eq!(
        decided(&gone(UserView::Retired)),
        "Unchanged: AlreadyRetired"
    );
    assert_eq!(decided(&gone(UserView::Absent)), "Missing: NeverSeen");
}

#[test]
fn a_deletion_spares_what_another_tool_manages_and_waits_over_the_limit() {
    let gone = with_roster(RosterView::NotListed, with_vault(at(RECORDED), absent()));
    let soft_delete = policy(OnUserDeleted::SoftDelete);
    let managed = marked_by(Some("external-secrets"), gone.clone());
    assert_eq!(
        decided_with(&managed, soft_delete),
        "retire None: LeftToOther(\"external-secrets\")"
    );
    let too_many = Policy {
        retirement: Retirement::TooMany,
        ..soft_delete
    };
    assert_eq!(decided_with(&gone, too_many), "Failed: TooManyRetired");
    let merged = Snapshot {
        target: merged(),
        ..gone
    };
    assert_eq!(
        decided_with(&merged, soft_delete),
        "retire fields of 4: Gone"
    );
}

#[test]
fn a_removal_of_fields_without_known_version_is_not_repeated() {
    let gone = with_roster(
        RosterView::NotListed,
        with_vault(VaultView::Hidden, absent()),
    );
    let merged = Snapshot {
        target: merged(),
        ..gone
    };
    let soft_delete = policy(OnUserDeleted::SoftDelete);
    for (rejected, expected) in [
        (None, "retire fields of 4: Gone"),
        (Some(Cas::Version(3)), "retire fields of 4: Gone"),
        (Some(Cas::Version(RECORDED)), "Failed: MetadataNeeded"),
    ] {
        let seen = Snapshot {
            rejected,
            ..merged.clone()
        };
        assert_eq!(decided_with(&seen, soft_delete), expected);
    }
}
