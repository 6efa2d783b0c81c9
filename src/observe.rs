//! Looks at what there is of one user: parameter and state at the same time, the rest only where it decides something.
//!
//! Reads only. The order of reads is an invariant: after a refused write Vault's metadata is read **before** the
//! parameter, so that the key that we then hold is at least as new as the one that refused us.

use crate::backends::{
    Backends, Etag, Parameters, Roster, States, StoredState, Vault, VaultSecret,
};
use crate::config::OnUserDeleted;
use crate::context::{Context, Degradation};
use crate::error::Error;
use crate::keys::UserName;
use crate::report::UserReport;
use crate::snapshot::{Cas, Parameter, RosterView, Snapshot, UserState, VaultView};

/// How to look.
#[derive(Debug)]
pub enum Look {
    /// Parameter and state at the same time. Vault is taken to be at the recorded version; check-and-set proves it.
    Quick,
    /// The parameter has been listed, and before that `vault` was read; where it was not, Vault is asked last.
    Listed {
        /// What the listing gave.
        parameter: Parameter,
        /// What Vault's metadata said before.
        vault: VaultView,
    },
    /// Vault's metadata first.
    Thorough {
        /// The guard that Vault has refused just before, if that is why.
        refused: Option<Cas>,
        /// The version that we have written just before, if that is why.
        written: Option<u64>,
    },
}

impl Look {
    /// Vault's metadata first, for no other reason than to be sure.
    pub const THOROUGH: Self = Self::Thorough {
        refused: None,
        written: None,
    };
}

/// What was seen, and what a write needs to know besides.
#[derive(Debug)]
pub struct Observation {
    /// The input of the plan.
    pub snapshot: Snapshot,
    /// The version of the state object.
    pub etag: Option<Etag>,
    /// Whether there is a state object that cannot be understood.
    pub damaged: bool,
    /// Whether Vault's metadata was read before the parameter, or not at all. Otherwise the parameter may be older than
    /// the version that Vault is at: good enough to see that all is in step, but not to write.
    pub proven: bool,
}

/// Looks at one user.
///
/// # Errors
/// Those of the state and of Vault; the parameter's are part of the snapshot.
pub async fn observe<W: Backends>(
    ctx: &Context<W>,
    user: &UserName,
    told_deleted: bool,
    look: Look,
    report: &mut UserReport,
) -> Result<Observation, Error> {
    let path = ctx.config.vault.path_of(user);
    let screening = matches!(
        look,
        Look::Listed {
            vault: VaultView::NotRead,
            ..
        }
    );
    let (mut before, listed) = match look {
        Look::Quick => (VaultView::NotRead, None),
        Look::Listed { parameter, vault } => (vault, Some(parameter)),
        Look::Thorough { refused, written } => match (metadata(ctx, user, refused).await?, written)
        {
            // Nothing else is known of Vault, but that it holds what we wrote, whatever the state says.
            (VaultView::Hidden { .. }, Some(version)) => (
                VaultView::At {
                    version,
                    readable: true,
                },
                None,
            ),
            (view, _) => (view, None),
        },
    };
    let was_listed = listed.is_some();
    let parameter = async {
        let parameter = match listed {
            Some(listed) => listed,
            None => parameter(ctx, user).await,
        };
        // At once, so that a failure further down still tells how long the key has been missing.
        report.saw(&parameter);
        parameter
    };
    let (
        parameter,
        StoredState {
            state,
            etag,
            damaged,
        },
    ) = if let Some(states) = &ctx.states {
        let (parameter, found) = tokio::join!(parameter, states.load(user));
        (parameter, found?)
    } else {
        // In basic mode the key in Vault stands for the record of it, and has to be read before the parameter.
        let (found, view) = published(ctx, user).await?;
        if matches!(
            before,
            VaultView::NotRead | VaultView::Hidden { refused: None }
        ) {
            before = view;
        }
        (parameter.await, found)
    };
    report.notes.missed_since = parameter
        .revision()
        .zip(state.as_ref())
        .and_then(|(now, state)| state.missed_since(now));
    report.notes.recorded = Some(match (&parameter, &state) {
        (Parameter::Current(current), Some(state)) => {
            state.last_secret_hash == current.fingerprint && state.retired_at.is_none()
        }
        _ => false,
    });
    let roster = match parameter {
        Parameter::Absent => roster(ctx, user).await?,
        _ => RosterView::Unknown,
    };
    let deletes = ctx.config.on_user_deleted == OnUserDeleted::SoftDelete;
    let vault = match before {
        VaultView::NotRead if needs_metadata(&parameter, state.as_ref(), screening, deletes) => {
            metadata(ctx, user, None).await?
        }
        before => before,
    };
    let proven = if ctx.states.is_some() {
        vault == before
    } else {
        !was_listed
    };
    let snapshot = Snapshot {
        parameter,
        state,
        vault,
        roster,
        path,
        told_deleted,
    };
    Ok(Observation {
        snapshot,
        etag,
        damaged,
        proven,
    })
}

/// Whether a plan needs to know what Vault is at; a sweep's (`screening`) does where all else is in step.
fn needs_metadata(
    parameter: &Parameter,
    state: Option<&UserState>,
    screening: bool,
    deletes: bool,
) -> bool {
    match (parameter, state) {
        // What is deleted must be the latest version.
        (Parameter::Absent, Some(state)) => state.retired_at.is_none() && deletes,
        // A state of the legacy knows no version.
        (Parameter::Current(current), Some(state)) => {
            state.vault_version.is_none()
                || (screening && state.last_secret_hash == current.fingerprint)
        }
        _ => false,
    }
}

async fn parameter<W: Backends>(ctx: &Context<W>, user: &UserName) -> Parameter {
    match ctx.config.naming.parameter_of(user) {
        Some(name) => ctx.parameters.read(&name).await,
        None => Parameter::Unnameable,
    }
}

/// In basic mode the key that Vault holds stands for the record of it.
async fn published<W: Backends>(
    ctx: &Context<W>,
    user: &UserName,
) -> Result<(StoredState, VaultView), Error> {
    let path = ctx.config.vault.path_of(user);
    match ctx
        .session
        .call(async |vault, token| vault.read(token, &path).await)
        .await
    {
        Ok(VaultSecret::Absent) => Ok((StoredState::default(), VaultView::Absent)),
        Ok(VaultSecret::Key(key, version)) => {
            let view = VaultView::At {
                version,
                readable: key.is_some(),
            };
            let state = key.map(|key| UserState::of_published(user, &key, version, &path));
            Ok((
                StoredState {
                    state,
                    ..StoredState::default()
                },
                view,
            ))
        }
        Err(Error::Denied { .. }) => {
            // The policy's refusal, only if the token is alive.
            ctx.session
                .call(async |vault, token| vault.lookup(token).await)
                .await?;
            ctx.warn_once(Degradation::DataIsHidden);
            Ok((StoredState::default(), VaultView::Hidden { refused: None }))
        }
        Err(error) => Err(error),
    }
}

/// What Vault's metadata says. A 403 is believed to be the policy's only after the token has proved to be alive; then it
/// is not asked for again with that token, because each refusal would load the token anew.
async fn metadata<W: Backends>(
    ctx: &Context<W>,
    user: &UserName,
    refused: Option<Cas>,
) -> Result<VaultView, Error> {
    if ctx.session.metadata_is_hidden().await {
        return Ok(VaultView::Hidden { refused });
    }
    let path = ctx.config.vault.path_of(user);
    match ctx
        .session
        .call(async |vault, token| vault.metadata(token, &path).await)
        .await
    {
        Err(Error::Denied { .. }) => {
            ctx.session
                .call(async |vault, token| vault.lookup(token).await)
                .await?;
            ctx.session.remember_hidden_metadata().await;
            ctx.warn_once(Degradation::MetadataIsHidden);
            Ok(VaultView::Hidden { refused })
        }
        answer => answer,
    }
}

/// Only a roster that is switched off, missing or closed to us makes an event's word suffice; one that cannot answer just
/// now decides nothing.
async fn roster<W: Backends>(ctx: &Context<W>, user: &UserName) -> Result<RosterView, Error> {
    let Some(roster) = &ctx.roster else {
        return Ok(RosterView::Unknown);
    };
    match roster.contains(user).await {
        Ok(true) => Ok(RosterView::Listed),
        Ok(false) => Ok(RosterView::NotListed),
        Err(Error::Denied { .. } | Error::Missing { .. }) => {
            ctx.warn_once(Degradation::RosterIsClosed);
            Ok(RosterView::Unknown)
        }
        Err(error) => Err(error),
    }
}
