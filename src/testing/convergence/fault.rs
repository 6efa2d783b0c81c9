//! What one call can meet: failures before and after its effect, death, and others at work.

use proptest::prelude::*;

use super::initial_state::revision;
use crate::error::Error;
use crate::testing::memory::fault::CallFault;
use crate::testing::memory::{Inner, denied, unavailable, unreachable, value};

/// What one call meets, and which call it is of those that are made when nothing is wrong.
#[derive(Clone, Debug)]
pub(super) struct Fault {
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

pub(super) fn fault() -> impl Strategy<Value = Fault> {
    let what = prop_oneof![
        (0..KINDS.len()).prop_map(What::Fails),
        (0..KINDS.len()).prop_map(What::AnswerIsLost),
        Just(What::KilledBefore),
        Just(What::KilledAfter),
        Just(What::Rotation),
        Just(What::HandInVault),
    ];
    (any::<prop::sample::Index>(), what).prop_map(|(at, what)| Fault { at, what })
}

impl What {
    /// Whether a read is denied.
    pub(super) fn denies(self) -> bool {
        matches!(self, Self::Fails(kind) if matches!(KINDS[kind](), Error::Denied { .. }))
    }

    pub(super) fn call_fault(self) -> CallFault {
        match self {
            Self::Fails(kind) => CallFault::Fails(KINDS[kind]),
            Self::AnswerIsLost(kind) => CallFault::AnswerIsLost(KINDS[kind]),
            Self::KilledBefore => CallFault::KilledBefore,
            Self::KilledAfter => CallFault::KilledAfter,
            Self::Rotation => CallFault::Meanwhile(Box::new(rotate)),
            Self::HandInVault => CallFault::Meanwhile(Box::new(write_by_hand)),
        }
    }
}

/// Where the version that it makes could be told from the recorded one: the legacy recorded none.
pub(super) fn write_by_hand(inner: &mut Inner) {
    let path = "secret/aws/iam-keys/user0";
    let next = inner.vault.get(path).map_or(0, Vec::len) + 1;
    let recorded = match inner.states.get("user0") {
        Some((state, _)) => state.vault_version,
        None if inner.legacy.contains_key("user0") => return,
        None => None,
    };
    if recorded != Some(next as u64) {
        inner
            .vault
            .entry(path.to_owned())
            .or_default()
            .push(Some(("BY-HAND".to_owned(), "by hand".to_owned())));
    }
}

pub(super) fn rotate(inner: &mut Inner) {
    if let Some((held, at)) = inner.parameters.get_mut("/iam_users/user0_keys") {
        (*held, *at) = (value("KEY-5"), revision(5));
    }
}
