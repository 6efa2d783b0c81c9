use super::*;
use crate::keys::{AccessKey, UserName};
use crate::snapshot::{RosterView, SecretRecord, StateView};
use crate::testing::results::{result, snapshot};

fn now() -> Timestamp {
    "2026-02-01T00:00:00Z".parse().unwrap()
}

/// Returns the result of a user who was retired so many days ago.
fn retired(days: i64) -> SyncResult {
    let mut result = result("dave", Outcome::Unchanged);
    let key = AccessKey::new("AKIAIOSFODNN7EXAMPLE".into(), "x".repeat(40).into()).unwrap();
    let user = UserName::parse("dave").unwrap();
    let retired_at = Some(now() - SignedDuration::from_hours(24 * days));
    let path = snapshot(None).target.location;
    let state = SecretRecord {
        retired_at,
        ..SecretRecord::of_secret(&user, &key, 1, &path)
    };
    result.snapshot.state = StateView::from(state);
    result.plan.reason = Reason::AlreadyRetired;
    result
}

/// Returns users who are gone, and others with and without a parameter.
fn candidates(gone: usize, with_parameter: usize, without_parameter: usize) -> Candidates {
    let mut candidates = Candidates::default();
    let mut known = result("alice", Outcome::Unchanged);
    known.snapshot = snapshot(Some("2026-01-01T00:00:00Z"));
    (0..with_parameter).for_each(|_| candidates.count(&[known.clone()], now()));
    (0..without_parameter)
        .for_each(|_| candidates.count(&[result("bob", Outcome::Missing)], now()));
    for _ in 0..gone {
        let gone = result("carol", Outcome::PlannedRetired);
        candidates.count(std::slice::from_ref(&gone), now());
        candidates.gone.push(vec![gone]);
    }
    candidates
}

#[test]
fn a_run_retires_three_users_or_a_fifth_but_not_all() {
    for (gone, with_parameter, without_parameter, covers_all, allowed) in [
        (3, 1, 0, true, true),
        (4, 1, 0, true, false),
        (4, 15, 0, true, false),
        (4, 16, 0, true, true),
        (6, 24, 0, true, true),
        (7, 23, 0, true, false),
        (7, 23, 0, false, false),
        // No user has a parameter.
        (1, 0, 0, true, false),
        (1, 0, 9, true, false),
        (1, 0, 9, false, true),
        (0, 0, 9, true, true),
    ] {
        let candidates = candidates(gone, with_parameter, without_parameter);
        let checked = candidates.check(covers_all, false);
        assert_eq!(
            checked.is_ok(),
            allowed,
            "{candidates:?}, all: {covers_all}"
        );
        assert!(
            candidates.check(covers_all, true).is_ok(),
            "the limit is lifted"
        );
    }
}

#[test]
fn users_who_were_retired_long_ago_do_not_raise_the_limit() {
    let mut candidates = candidates(7, 23, 0);
    (0..100).for_each(|_| candidates.count(&[retired(8)], now()));
    let error = candidates.check(true, false).unwrap_err();
    assert!(error.to_string().contains("7 of 30 users"), "{error}");
}

#[test]
fn the_limit_counts_the_users_of_the_last_seven_days() {
    for (gone, recently, allowed) in [(6, 0, true), (1, 5, true), (2, 5, false), (1, 6, false)] {
        let mut candidates = candidates(gone, 30 - gone - recently, 0);
        (0..recently).for_each(|_| candidates.count(&[retired(6)], now()));
        let allows = candidates.check(true, false).is_ok();
        assert_eq!(allows, allowed, "{gone} after {recently}");
    }
}

#[test]
fn the_limit_counts_the_users_who_could_not_be_checked() {
    let mut candidates = candidates(2, 10, 0);
    let mut unchecked = result("erin", Outcome::Failed);
    unchecked.snapshot.roster = RosterView::Unreadable(Error::OutOfTime);
    candidates.count(&[unchecked.clone()], now());
    assert!(candidates.check(true, false).is_ok());
    assert!(
        candidates
            .doubt(false)
            .unwrap()
            .contains("1 users without a parameter")
    );
    candidates.count(&[unchecked.clone()], now());
    let error = candidates.check(true, false).unwrap_err();
    assert!(
        error.to_string().contains("2 more could not be checked"),
        "{error}"
    );
}

#[test]
fn a_listing_that_does_not_show_known_users_is_broken() {
    for (unlisted, shown, is_empty, broken) in [
        (1, 0, true, true),
        (3, 10, false, false),
        (4, 10, false, true),
        (6, 24, false, false),
    ] {
        let mut candidates = candidates(0, shown, 0);
        for _ in 0..unlisted {
            let result = result("frank", Outcome::Missing);
            candidates.count(
                &[SyncResult {
                    is_unlisted: true,
                    ..result
                }],
                now(),
            );
        }
        let doubt = candidates.doubt(is_empty);
        let is_broken = doubt.is_some_and(|doubt| doubt.contains("the listing is broken"));
        assert_eq!(is_broken, broken, "{unlisted} unlisted, {shown} shown");
    }
}

#[test]
fn a_name_that_no_parameter_can_have_is_not_a_doubt() {
    let mut candidates = candidates(0, 1, 0);
    let mut unnameable = result("jo@example", Outcome::Missing);
    unnameable.plan.reason = Reason::Unnameable;
    for _ in 0..9 {
        candidates.count(
            &[SyncResult {
                is_unlisted: true,
                ..unnameable.clone()
            }],
            now(),
        );
    }
    assert_eq!(candidates.doubt(false), None);
}
