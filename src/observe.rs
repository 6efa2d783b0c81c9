//! Reads what exists for one user: parameter, state and targets at the same time, and other sources
//! only if a plan depends on them.
//!
//! Observing never fails: a source that cannot be read is a value in the snapshot. The order of
//! reads is an invariant. After a rejected write, Vault's metadata is read **before** the
//! parameter, so the key that is then held is at least as new as the one that caused the rejection.

mod assemble;
mod reader;
mod secret;
mod secret_reader;

use std::rc::Rc;

use crate::backends::{Backends, Etag, VaultListing};
use crate::invocation::Invocation;
use crate::keys::{AccessKey, UserName, VaultPath};
use crate::snapshot::{Cas, Event, ParameterReading, SecretRecord, Snapshot, UserState};
use crate::targets::Target;

use assemble::{Sources, StoredView, assemble};
use reader::Reader;
use secret_reader::SecretReading;

/// In which order to read, and what is known beforehand.
#[derive(Debug)]
pub enum ReadStrategy {
    /// Parameter, state and targets at the same time. Vault is assumed to be at the recorded
    /// version; check-and-set proves it.
    Optimistic,
    /// The parameter comes from the listing. `vault` was read before the listing; what it does not
    /// show is read last. That proves that all is in sync, but does not justify a write.
    FromListing {
        /// The parameter as listed.
        parameter: ParameterReading,
        /// What Vault's metadata showed before.
        vault: Rc<VaultListing>,
    },
    /// Vault's metadata first, given what happened to secrets just before.
    VaultFirst(Vec<Attempt>),
}

impl ReadStrategy {
    /// Vault's metadata first, with nothing known beforehand.
    pub const VAULT_FIRST: Self = Self::VaultFirst(Vec::new());
}

/// What happened to a secret just before.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The secret.
    pub path: VaultPath,
    /// The check-and-set version that Vault rejected.
    pub rejected: Option<Cas>,
    /// The version that was written.
    pub written: Option<u64>,
}

/// Whom to observe, and what is known of the trigger.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The user.
    pub user: &'a UserName,
    /// The newest event about the user's parameter, if there is one.
    pub event: Option<Event>,
}

/// What was observed of a user: the input of the plans, and beside it what only a write needs.
#[derive(Debug)]
pub struct Observed {
    /// The secrets: those of the targets, then those that are recorded without a target. At least
    /// one.
    pub secrets: Vec<ObservedSecret>,
    /// The current key; `Some` exactly if the parameter holds one.
    pub key: Option<AccessKey>,
    /// The recorded state, for its replacement.
    pub stored: Option<UserState>,
    /// The version of the state object, for its conditional write.
    pub etag: Option<Etag>,
}

/// What was observed of one secret.
#[derive(Debug)]
pub struct ObservedSecret {
    /// The input of the plan.
    pub snapshot: Snapshot,
    /// The target, with the templates of its fields; `None` if the user has no such target.
    pub target: Option<Target>,
    /// The recorded state of the secret that a new one replaces.
    pub record: Option<SecretRecord>,
}

/// Observes one user.
pub async fn observe<B: Backends>(
    invocation: &Invocation<'_, B>,
    subject: Subject<'_>,
    strategy: ReadStrategy,
) -> Observed {
    let reader = Reader {
        invocation,
        user: subject.user,
    };
    let sources = match strategy {
        // In basic mode the secret stands for the state, so it is read before the parameter.
        ReadStrategy::Optimistic if reader.is_basic() => {
            let targets = reader.targets().await;
            let secrets = reader.published(&targets, None).await;
            Sources {
                secrets,
                targets,
                parameter: reader.parameter().await,
                state: StoredView::Absent,
                subject,
                attempts: Vec::new(),
                is_listed: false,
            }
        }
        ReadStrategy::Optimistic => {
            let (parameter, state, targets) =
                tokio::join!(reader.parameter(), reader.state(), reader.targets());
            Sources {
                secrets: Vec::new(),
                targets,
                parameter,
                state,
                subject,
                attempts: Vec::new(),
                is_listed: false,
            }
        }
        ReadStrategy::FromListing { parameter, vault } => {
            let (state, targets) = tokio::join!(reader.state(), reader.targets());
            let secrets = if reader.is_basic() {
                reader.published(&targets, None).await
            } else {
                reader.listed(&targets, &vault)
            };
            Sources {
                secrets,
                targets,
                parameter,
                state,
                subject,
                attempts: Vec::new(),
                is_listed: true,
            }
        }
        ReadStrategy::VaultFirst(attempts) => {
            let mut targets = reader.targets().await;
            let mut secrets = if reader.is_basic() {
                reader.published(&targets, Some(&attempts)).await
            } else {
                reader.first(&targets, &attempts).await
            };
            let is_of_other_user = |secret: &SecretReading| {
                let mark = secret.mark.as_ref();
                mark.is_some_and(|mark| mark.is_of_other_user)
            };
            // A newer document may have given the secret to that user.
            if !reader.is_basic() && secrets.iter().any(is_of_other_user) {
                let newest = invocation.newest_targets().await;
                let pair = (&targets, &newest);
                if !matches!(pair, (Ok(known), Ok(newest)) if Rc::ptr_eq(known, newest)) {
                    secrets = reader.first(&newest, &attempts).await;
                    targets = newest;
                }
            }
            let (parameter, state) = tokio::join!(reader.parameter(), reader.state());
            Sources {
                secrets,
                targets,
                parameter,
                state,
                subject,
                attempts,
                is_listed: false,
            }
        }
    };
    assemble(&reader, sources).await
}
