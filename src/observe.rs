//! Looks at what there is of one user: parameter and state at the same time, the rest only where it decides something.
//!
//! Reads only. The order of reads is an invariant: after a refused write Vault's metadata is read **before** the
//! parameter, so that the key that we then hold is at least as new as the one that refused us.

use crate::config::OnUserDeleted;
use crate::error::Error;
use crate::keys::UserName;
use crate::snapshot::{Cas, Parameter, RosterView, Snapshot, UserState, VaultView};
use crate::stores::{Etag, Found, Parameters, Published, Roster, States, Stores, Vault};
use crate::world::{Notice, World};

/// What was seen, and what a write of the state needs besides.
#[derive(Debug)]
pub struct Observation {
    /// The input of the plan.
    pub snapshot: Snapshot,
    /// The version of the state object.
    pub etag: Option<Etag>,
    /// Whether there is a state object that cannot be understood.
    pub damaged: bool,
}

/// Looks at one user. `refused` is the guard of a write that Vault has refused just before.
///
/// # Errors
/// Those of the state, of Vault and of the roster; the parameter's are part of the snapshot.
pub async fn observe<W: Stores>(
    world: &World<W>,
    user: &UserName,
    told_deleted: bool,
    refused: Option<Cas>,
) -> Result<Observation, Error> {
    let path = world.config.vault.path_of(user);
    let proof = match refused {
        Some(_) => Some(metadata(world, user, refused).await?),
        None => None,
    };
    let (parameter, recorded) = tokio::join!(parameter(world, user), recorded(world, user));
    let (Found { state, etag, damaged }, vault) = recorded?;
    let roster = match parameter {
        Parameter::Absent => roster(world, user).await,
        _ => RosterView::Unknown,
    };
    // A state of the predecessor knows no version, and what is deleted must be the latest: only Vault can tell.
    let ask = match parameter {
        Parameter::Absent => world.config.on_user_deleted == OnUserDeleted::SoftDelete,
        _ => state.as_ref().is_some_and(|state| state.vault_version.is_none()),
    };
    let vault = match (proof, vault) {
        (Some(proof), _) => proof,
        (None, VaultView::NotRead) if ask => metadata(world, user, None).await?,
        (None, vault) => vault,
    };
    let snapshot = Snapshot { parameter, state, vault, roster, path, told_deleted };
    Ok(Observation { snapshot, etag, damaged })
}

async fn parameter<W: Stores>(world: &World<W>, user: &UserName) -> Parameter {
    match world.config.naming.parameter_of(user) {
        Some(name) => world.parameters.read(&name).await,
        None => Parameter::Unnameable,
    }
}

/// The recorded state, and what was learned of Vault on the way.
async fn recorded<W: Stores>(world: &World<W>, user: &UserName) -> Result<(Found, VaultView), Error> {
    match &world.states {
        Some(states) => Ok((states.load(user).await?, VaultView::NotRead)),
        None => published(world, user).await,
    }
}

/// In basic mode the key that Vault holds stands for the record of it.
async fn published<W: Stores>(world: &World<W>, user: &UserName) -> Result<(Found, VaultView), Error> {
    let path = world.config.vault.path_of(user);
    match world.session.call(async |vault, token| vault.read(token, &path).await).await {
        Ok(Published::Absent) => Ok((Found::default(), VaultView::Absent)),
        Ok(Published::Key(key, version)) => {
            let view = VaultView::At { version, readable: key.is_some() };
            let state = key.map(|key| UserState::of_published(user, &key, version, &path));
            Ok((Found { state, ..Found::default() }, view))
        }
        Err(Error::Denied { .. }) => {
            world.say_once(Notice::DataIsHidden);
            Ok((Found::default(), VaultView::Hidden { refused: None }))
        }
        Err(error) => Err(error),
    }
}

async fn metadata<W: Stores>(world: &World<W>, user: &UserName, refused: Option<Cas>) -> Result<VaultView, Error> {
    let path = world.config.vault.path_of(user);
    match world.session.call(async |vault, token| vault.metadata(token, &path).await).await {
        Err(Error::Denied { .. }) => {
            world.say_once(Notice::MetadataIsHidden);
            Ok(VaultView::Hidden { refused })
        }
        answer => answer,
    }
}

/// A roster out of reach is no reason to fail: it only means that an event's word must do.
async fn roster<W: Stores>(world: &World<W>, user: &UserName) -> RosterView {
    let Some(roster) = &world.roster else { return RosterView::Unknown };
    match roster.lists(user).await {
        Ok(true) => RosterView::Listed,
        Ok(false) => RosterView::NotListed,
        Err(error) => {
            tracing::warn!(user = user.as_str(), error = %error, "the roster could not be asked");
            RosterView::Unknown
        }
    }
}
