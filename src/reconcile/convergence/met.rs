//! What one call can meet: failures before and after its effect, death, and others at work.

use proptest::prelude::*;

use super::before::revision;
use crate::error::Error;
use crate::stores::memory::trouble::Trouble;
use crate::stores::memory::{Inner, denied, unavailable, unreachable, value};

/// What one call meets, and which call it is of those that are made when nothing is wrong.
#[derive(Clone, Debug)]
pub(super) struct Met {
    pub(super) at: prop::sample::Index,
    pub(super) what: What,
}

/// What a call meets.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Fails(usize),
    AnswerIsLost(usize),
    KilledBefore,
    KilledAfter,
    /// The platform rotates the first user's key.
    Rotation,
    /// Somebody writes to the first user's secret by hand.
    HandInVault,
}

pub(super) const KINDS: [fn() -> Error; 3] = [denied, unavailable, unreachable];

pub(super) fn met() -> impl Strategy<Value = Met> {
    let what = prop_oneof![
        (0..KINDS.len()).prop_map(What::Fails),
        (0..KINDS.len()).prop_map(What::AnswerIsLost),
        Just(What::KilledBefore),
        Just(What::KilledAfter),
        Just(What::Rotation),
        Just(What::HandInVault),
    ];
    (any::<prop::sample::Index>(), what).prop_map(|(at, what)| Met { at, what })
}

impl What {
    /// Whether a read is denied.
    pub(super) fn denies(self) -> bool {
        matches!(self, Self::Fails(kind) if matches!(KINDS[kind](), Error::Denied { .. }))
    }

    pub(super) fn trouble(self) -> Trouble {
        match self {
            Self::Fails(kind) => Trouble::Fails(KINDS[kind]),
            Self::AnswerIsLost(kind) => Trouble::AnswerIsLost(KINDS[kind]),
            Self::KilledBefore => Trouble::KilledBefore,
            Self::KilledAfter => Trouble::KilledAfter,
            Self::Rotation => Trouble::Meanwhile(Box::new(rotate)),
            Self::HandInVault => Trouble::Meanwhile(Box::new(write_by_hand)),
        }
    }
}

/// Where the version that it makes could be told from the recorded one: the predecessor recorded none.
pub(super) fn write_by_hand(inner: &mut Inner) {
    let path = "secret/aws/iam-keys/user0";
    let next = inner.vault.get(path).map_or(0, Vec::len) + 1;
    let recorded = match inner.states.get("user0") {
        Some((state, _)) => state.vault_version,
        None if inner.predecessor.contains_key("user0") => return,
        None => None,
    };
    if recorded != Some(next as u64) {
        inner.vault.entry(path.to_owned()).or_default().push(Some(("BY-HAND".to_owned(), "by hand".to_owned())));
    }
}

pub(super) fn rotate(inner: &mut Inner) {
    if let Some((held, at)) = inner.parameters.get_mut("/iam_users/user0_keys") {
        (*held, *at) = (value("KEY-5"), revision(5));
    }
}
