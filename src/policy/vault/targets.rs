//! The least policy for exactly the given targets.

use std::collections::BTreeMap;

use super::{PathRule, VaultPolicy, mode};
use crate::config::{Config, OnUserDeleted, TargetDefaults};
use crate::error::Error;
use crate::keys::relative_namespace;
use crate::targets::{Target, Targets, USER};

impl VaultPolicy {
    /// Creates the least policy for the targets of a document.
    ///
    /// # Errors
    /// [`Error::BadTargets`] if the document is refused.
    pub fn of_document(config: &Config, document: &[u8]) -> Result<Self, Error> {
        let targets = Targets::parse(document, &TargetDefaults::of(config));
        let targets = targets.map_err(|problems| Error::BadTargets {
            document: "as given".to_owned(),
            problems,
        })?;
        Ok(Self::of_targets(&targets, config))
    }

    /// Creates the least policy for these targets.
    pub(crate) fn of_targets(targets: &Targets, config: &Config) -> Self {
        let mut policy = Self {
            mode: mode(config),
            path: BTreeMap::new(),
            notes: Vec::new(),
        };
        let marks = targets.version_mark().is_some();
        let named = targets.named().map(|(_, target)| target);
        for target in named.chain(targets.others()) {
            policy.add(target, marks, config);
        }
        policy
    }

    fn add(&mut self, target: &Target, marks: bool, config: &Config) {
        let location = &target.location;
        let own = config.vault.namespace.as_deref();
        let Some(namespace) = relative_namespace(location.namespace.as_deref(), own) else {
            self.notes.push(format!(
                "Not included: {location} in the namespace {}, which a token of another namespace \
                 does not reach. Write the policy and create the token in a namespace above both.",
                location.namespace.as_deref().unwrap_or("root")
            ));
            return;
        };
        let path =
            |kind: &str, below: &str| format!("{namespace}{}/{kind}/{below}", location.mount);
        let below = in_policy(&location.path);
        let data = path("data", &below);
        self.grant(&data, &["create", "update"], "Write keys.");
        if target.merge {
            let why = "Change the fields of the key and keep all others.";
            self.grant(&data, &["patch"], why);
        }
        let metadata = path("metadata", &below);
        let why = "Versions, deletions and marks, never values: this is how drift is seen, and how \
            a rejected check-and-set is resolved.";
        self.grant(&metadata, &["read"], why);
        if marks {
            self.grant(
                &metadata,
                &["patch"],
                "Mark the secret with the parameter's version.",
            );
        }
        if self.mode == "enhanced"
            && let Some((folder, _)) = location.path.rsplit_once('/')
            && !folder.contains(USER)
        {
            let why = "Versions and marks of the folder in one call, for a reconcile run. OpenBao \
                offers it; HashiCorp Vault lacks it, and there the rule has no effect.";
            let folder = format!("{folder}/");
            self.grant(&path("detailed-metadata", &folder), &["list"], why);
        }
        if config.on_user_deleted == OnUserDeleted::SoftDelete && !target.merge {
            let why = "Hides the given version; an operator can undelete it.";
            self.grant(&path("delete", &below), &["update"], why);
        }
    }

    /// Adds capabilities on a path, each once.
    fn grant(&mut self, path: &str, capabilities: &[&str], why: &str) {
        let rule: &mut PathRule = self.path.entry(path.to_owned()).or_default();
        for capability in capabilities {
            if !rule.capabilities.iter().any(|known| known == capability) {
                rule.capabilities.push((*capability).to_owned());
            }
        }
        if !rule.reasons.iter().any(|known| known == why) {
            rule.reasons.push(why.to_owned());
        }
    }
}

/// Returns a path as a policy names it: each segment with a user is a wildcard.
fn in_policy(path: &str) -> String {
    let segments = path.split('/');
    let segments = segments.map(|segment| if segment.contains(USER) { "+" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}
