//! The targets of the users that a document names: no two of them are the same secret.

use std::collections::{BTreeMap, HashMap};

use super::check::USER;
use super::reader::Reader;
use super::{MAX_TARGETS_PER_USER, Target};
use crate::keys::{ParameterNaming, UserName, VaultPath};

/// The targets of the users that the document names.
#[derive(Default)]
pub(super) struct Named {
    pub(super) targets: BTreeMap<UserName, Vec<Target>>,
    /// Places in the document, and their secrets by their URL.
    places: HashMap<String, (String, VaultPath)>,
    pub(super) count: usize,
}

impl Named {
    /// Adds a target, or reports why it cannot be one.
    pub(super) fn insert(
        &mut self,
        reader: &mut Reader,
        place: String,
        user: &UserName,
        target: Target,
    ) {
        self.count += 1;
        let url = url_of(&target.location);
        if let Some((first, _)) = self.places.get(&url) {
            let problem =
                format!("is the same secret as {first}; expected another namespace, mount or path");
            reader.problem(place, problem);
            return;
        }
        let targets = self.targets.entry(user.clone()).or_default();
        if targets.len() == MAX_TARGETS_PER_USER {
            let problem = format!(
                "is one target too many for {user}; expected at most {MAX_TARGETS_PER_USER}"
            );
            reader.problem(&place, problem);
        }
        self.places.insert(url, (place, target.location.clone()));
        targets.push(target);
    }

    /// Finds targets that are also the secret of a user whom only `others` covers.
    pub(super) fn compare_with_others(
        &self,
        reader: &mut Reader,
        others: &Target,
        naming: &ParameterNaming,
    ) {
        let mut shared = Vec::new();
        for (place, location) in self.places.values() {
            if let Some(user) = user_in(&url_of(location), &url_of(&others.location))
                && naming.parameter_of(&user).is_some()
                && !self.targets.contains_key(&user)
            {
                shared.push((place, user));
            }
        }
        shared.sort();
        for (place, user) in shared {
            let problem = format!(
                "is the secret that `others` gives to the user {user}; expected another namespace, \
                 mount or path"
            );
            reader.problem(place, problem);
        }
    }
}

/// Returns the URL of a secret. Vault finds it by this text, wherever the namespace, the mount and
/// the path end.
pub(super) fn url_of(path: &VaultPath) -> String {
    let namespace = path.namespace.as_deref().unwrap_or_default();
    let url = format!("{namespace}/{}/data/{}", path.mount, path.path);
    url.trim_start_matches('/').to_owned()
}

/// Returns the user whose path by this pattern is `path`.
pub(super) fn user_in(path: &str, pattern: &str) -> Option<UserName> {
    let (before, _) = pattern.split_once(USER)?;
    let count = pattern.matches(USER).count();
    let length = (path.len() + count * USER.len()).checked_sub(pattern.len())? / count;
    let user = path.get(before.len()..before.len() + length)?;
    let user = UserName::parse(user).ok()?;
    (pattern.replace(USER, user.as_str()) == path).then_some(user)
}
