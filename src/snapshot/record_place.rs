//! Where in Vault a recorded key is.

use std::collections::BTreeSet;

use super::SecretRecord;
use crate::keys::{SecretLocation, UserName, VaultPath, full_path};
use crate::targets::is_path;

impl SecretRecord {
    /// Returns whether the recorded key is at `location`. A state that names no path, as that of the
    /// legacy service, counts as such; and so does one that names no server.
    pub fn is_at(&self, location: &SecretLocation) -> bool {
        self.is_at_path(&location.path) && self.is_on_server_of(location)
    }

    /// Returns whether the recorded key is at `path`, on whatever server.
    pub fn is_at_path(&self, path: &VaultPath) -> bool {
        let recorded = self.vault_path.as_ref();
        recorded.is_none_or(|recorded| *recorded == path.to_string())
    }

    /// Returns whether the recorded key is at the path and in the namespace of `location`, on
    /// whatever server.
    pub fn is_at_place(&self, location: &SecretLocation) -> bool {
        let is_namespace = self.vault_namespace == location.path.namespace;
        self.is_at_path(&location.path) && (self.vault_address.is_none() || is_namespace)
    }

    /// Returns whether both records are about the same place.
    pub fn is_of_same_place(&self, other: &Self) -> bool {
        (&self.vault_path, &self.vault_namespace) == (&other.vault_path, &other.vault_namespace)
    }

    /// Returns whether the record names the server and the namespace of `location`, or none.
    pub fn is_on_server_of(&self, location: &SecretLocation) -> bool {
        self.vault_address.as_ref().is_none_or(|address| {
            *address == location.address && self.vault_namespace == location.path.namespace
        })
    }

    /// Returns the recorded location if it is another path of the same user, on the same mount as
    /// `location`: the prefix was changed. The last segment must be the user, because a state is
    /// not trusted to name the secret of another one.
    pub fn former_location(
        &self,
        location: &SecretLocation,
        user: &UserName,
    ) -> Option<SecretLocation> {
        let recorded = self.is_on_server_of(location);
        let mounts = [(location.path.namespace.as_deref(), &*location.path.mount)];
        let former = self.path_on(&mounts.into()).filter(|_| recorded)?;
        let (_, last) = former.path.rsplit_once('/')?;
        // The configuration accepts no other prefix.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let is_former =
            last == user.as_str() && former != location.path && former.path.chars().all(is_plain);
        is_former.then(|| SecretLocation {
            path: former,
            ..location.clone()
        })
    }

    /// Returns the recorded path with its namespace.
    pub fn full_path(&self) -> String {
        let path = self.vault_path.as_deref().unwrap_or_default();
        full_path(self.vault_namespace.as_deref(), path)
    }

    /// Returns the recorded path, if it is below one of these mounts with their namespaces. A state
    /// is not trusted to name a path that is not one.
    pub fn path_on(&self, mounts: &BTreeSet<(Option<&str>, &str)>) -> Option<VaultPath> {
        let recorded = self.vault_path.as_deref()?;
        let namespace = self.vault_namespace.as_deref();
        let mut paths = mounts.iter().filter_map(|(of_mount, mount)| {
            let path = recorded.strip_prefix(mount)?.strip_prefix('/')?;
            let is_here = self.vault_address.is_none() || *of_mount == namespace;
            (is_here && is_path(path)).then(|| VaultPath {
                namespace: of_mount.map(str::to_owned),
                mount: (*mount).to_owned(),
                path: path.to_owned(),
            })
        });
        paths.next()
    }
}
