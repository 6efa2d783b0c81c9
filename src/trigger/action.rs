//! Parses the actions that an operator or a schedule requests: `{"action": …}`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::{Reconcile, SyncUsers, Trigger, bad};
use crate::error::Error;
use crate::keys::UserName;

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
enum Action {
    Sync {
        users: Vec<String>,
        #[serde(default)]
        adopt: bool,
    },
    #[serde(rename_all = "camelCase")]
    Reconcile {
        #[serde(default)]
        force: bool,
        #[serde(default)]
        users: Option<Vec<String>>,
        #[serde(default)]
        dry_run: bool,
        #[serde(default)]
        allow_mass_retire: bool,
    },
    RefreshToken {},
    Doctor {},
}

/// Parses a payload that has an `action`.
pub fn parse(payload: Value) -> Result<Trigger, Error> {
    // The message of serde quotes the payload.
    let action = Action::deserialize(payload)
        .map_err(|_| bad("the action is unknown, or its members are wrong"))?;
    match action {
        Action::RefreshToken {} => Ok(Trigger::RefreshToken),
        Action::Doctor {} => Ok(Trigger::Doctor),
        Action::Sync { users, adopt } => Ok(Trigger::Sync(SyncUsers {
            users: user_names(&users)?,
            adopt,
            dry_run: false,
        })),
        Action::Reconcile {
            force,
            users,
            dry_run,
            allow_mass_retire,
        } => {
            let users = users.map(|users| user_names(&users)).transpose()?;
            Ok(Trigger::Reconcile(Reconcile {
                force,
                users,
                dry_run,
                allow_mass_retire,
            }))
        }
    }
}

/// Returns true for a doctor request, which is answered even when the configuration is invalid.
pub fn is_doctor_request(payload: &Value) -> bool {
    payload.get("action").is_some() && matches!(parse(payload.clone()), Ok(Trigger::Doctor))
}

/// Parses the users that an operator names; each occurs once in the result.
fn user_names(names: &[String]) -> Result<Vec<UserName>, Error> {
    let mut users = Vec::with_capacity(names.len());
    let mut seen = BTreeSet::new();
    for name in names {
        let user = UserName::parse(name).map_err(|error| bad(&format!("\"users\": {error}")))?;
        if seen.insert(user.clone()) {
            users.push(user);
        }
    }
    if users.is_empty() {
        return Err(bad("\"users\" is empty"));
    }
    Ok(users)
}
