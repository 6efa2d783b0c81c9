//! The paths of a target in Vault, by kind.

use std::collections::BTreeMap;

use crate::keys::VaultPath;
use crate::targets::{Target, Targets, USER};

/// A user name that stands for the users that the targets document does not name.
const SAMPLE_USER: &str = "keysync-doctor";

/// The paths of one target.
pub(super) struct Sample {
    pub(super) target: VaultPath,
    pub(super) data: String,
    pub(super) metadata: String,
    pub(super) delete: String,
    pub(super) destroy: String,
    pub(super) folder: String,
    /// Without a document: a path beside the folder of all keys.
    pub(super) outside: Option<String>,
    pub(super) merges: bool,
    pub(super) is_marked: bool,
}

impl Sample {
    fn new(target: &Target, is_marked: bool) -> Self {
        let VaultPath { mount, path, .. } = &target.location;
        let path = path.replace(USER, SAMPLE_USER);
        let of_kind = |kind: &str| format!("{mount}/{kind}/{path}");
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        // Matched by a rule without the slash before its star, and by any wider rule.
        let outside = format!("{mount}/data/{folder}-{SAMPLE_USER}/{SAMPLE_USER}");
        Self {
            target: target.location.clone(),
            data: of_kind("data"),
            metadata: of_kind("metadata"),
            delete: of_kind("delete"),
            destroy: of_kind("destroy"),
            // Vault checks a LIST with a slash at the end of the path.
            folder: format!("{mount}/detailed-metadata/{folder}/"),
            outside: (!target.is_of_document).then_some(outside),
            merges: target.merge,
            is_marked,
        }
    }

    pub(super) fn paths(&self) -> Vec<String> {
        let Self {
            data,
            metadata,
            delete,
            destroy,
            folder,
            outside,
            ..
        } = self;
        let paths = [data, metadata, delete, destroy, folder].into_iter();
        paths.chain(outside).cloned().collect()
    }
}

/// Returns a sample of each target, by namespace.
pub(super) fn samples(targets: &Targets) -> BTreeMap<Option<String>, Vec<Sample>> {
    let is_marked = targets.version_mark().is_some();
    let mut samples = BTreeMap::<_, Vec<_>>::new();
    let named = targets.named().map(|(_, target)| target);
    for target in named.chain(targets.others()) {
        let namespace = target.location.namespace.clone();
        let of_namespace = samples.entry(namespace).or_default();
        of_namespace.push(Sample::new(target, is_marked));
    }
    samples
}
