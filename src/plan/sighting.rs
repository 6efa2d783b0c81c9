//! A snapshot without its secrets and the plan's reason, to be told to people.

use super::Reason;
use crate::snapshot::{Parameter, Revision, RosterView, Snapshot, UserState, VaultView};

/// What was seen of a user, and why the plan is what it is.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// What Parameter Store holds.
    pub parameter: Held,
    /// What was recorded.
    pub state: Option<UserState>,
    /// What Vault's metadata says.
    pub vault: VaultView,
    /// What the roster says.
    pub roster: RosterView,
    /// Why the plan is what it is.
    pub reason: Reason,
}

/// What Parameter Store holds, without the secret.
#[derive(Clone, Debug)]
pub enum Held {
    /// A key.
    Key {
        /// Its access key id.
        id: String,
        /// The revision that holds it.
        revision: Revision,
    },
    /// A parameter without a key that could be published, and why there is none.
    Nothing {
        /// Which revision that is.
        revision: Revision,
        /// Why.
        problem: String,
    },
    /// No parameter.
    Absent,
    /// No parameter can have the user's name.
    Unnameable,
    /// It is not known what.
    Unknown,
}

impl Sighting {
    /// What is told of `seen`, given the plan's reason.
    pub fn of(seen: &Snapshot, reason: Reason) -> Self {
        let parameter = match &seen.parameter {
            Parameter::Current(current) => Held::Key {
                id: current.key.id.clone(),
                revision: current.revision,
            },
            Parameter::WithoutCurrent { revision } => Held::Nothing {
                revision: *revision,
                problem: "it has no current key".to_owned(),
            },
            Parameter::Malformed { revision, problem } => Held::Nothing {
                revision: *revision,
                problem: problem.clone(),
            },
            Parameter::Absent => Held::Absent,
            Parameter::Unnameable => Held::Unnameable,
            Parameter::Unreadable(_) => Held::Unknown,
        };
        Self {
            parameter,
            state: seen.state.clone(),
            vault: seen.vault,
            roster: seen.roster,
            reason,
        }
    }
}
