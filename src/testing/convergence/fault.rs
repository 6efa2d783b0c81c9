//! What can happen at one call: errors before and after its effect, a killed process, and
//! concurrent changes.

use proptest::prelude::*;

use super::initial_state::{id, revision};
use crate::error::Error;
use crate::testing::memory::fault::CallFault;
use crate::testing::memory::{Inner, denied, unavailable, unreachable, value};

/// The key that a rotation during the run puts.
pub(super) const ROTATED_TO: u8 = 5;

/// The errors of a call.
const ERRORS: [fn() -> Error; 3] = [denied, unavailable, unreachable];

/// A fault, and the call at which it occurs, among those that are made without faults.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) at: prop::sample::Index,
    pub(super) kind: FaultKind,
}

/// What happens at a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum FaultKind {
    /// The call fails with this error, by its position.
    Fails(usize),
    /// The call takes effect, but its answer is lost.
    AnswerIsLost(usize),
    KilledBefore,
    KilledAfter,
    /// The platform rotates the first user's key.
    Rotation,
    /// An operator writes to the first user's secret.
    WriteByHand,
}

pub(super) fn fault() -> impl Strategy<Value = Fault> {
    let kind = prop_oneof![
        (0..ERRORS.len()).prop_map(FaultKind::Fails),
        (0..ERRORS.len()).prop_map(FaultKind::AnswerIsLost),
        Just(FaultKind::KilledBefore),
        Just(FaultKind::KilledAfter),
        Just(FaultKind::Rotation),
        Just(FaultKind::WriteByHand),
    ];
    (any::<prop::sample::Index>(), kind).prop_map(|(at, kind)| Fault { at, kind })
}

impl FaultKind {
    /// Returns whether a call is denied.
    pub(super) fn is_denial(self) -> bool {
        matches!(self, Self::Fails(error) if matches!(ERRORS[error](), Error::Denied { .. }))
    }

    pub(super) fn call_fault(self) -> CallFault {
        match self {
            Self::Fails(error) => CallFault::Fails(ERRORS[error]),
            Self::AnswerIsLost(error) => CallFault::AnswerIsLost(ERRORS[error]),
            Self::KilledBefore => CallFault::KilledBefore,
            Self::KilledAfter => CallFault::KilledAfter,
            Self::Rotation => CallFault::BeforeCall(Box::new(rotate)),
            Self::WriteByHand => CallFault::BeforeCall(Box::new(write_by_hand)),
        }
    }
}

/// Writes a version, unless it could not be distinguished from the recorded one. The legacy service
/// recorded no version.
fn write_by_hand(inner: &mut Inner) {
    let next = inner
        .vault
        .get("secret/aws/iam-keys/user0")
        .map_or(0, Vec::len)
        + 1;
    let recorded = match inner.states.get("user0") {
        Some((state, _)) => state.records[0].vault_version,
        None if inner.legacy.contains_key("user0") => return,
        None => None,
    };
    if recorded != Some(next as u64) {
        inner.write_by_hand("user0");
    }
}

fn rotate(inner: &mut Inner) {
    if let Some(parameter) = inner.parameters.get_mut("/iam_users/user0_keys") {
        *parameter = (value(&id(ROTATED_TO)), revision(ROTATED_TO));
    }
}
