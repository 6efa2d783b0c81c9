//! The capabilities of the token at all targets.

use std::time::Duration;

use tokio::time::Instant;

use super::check::{self, Check, CheckStatus, Finding, check, fail, failed, pass, warn};
use crate::backends::Backends;
use crate::capabilities::Capabilities;
use crate::config::OnUserDeleted;
use crate::context::Context;
use crate::error::Error;
use crate::targets::Targets;
use crate::token::TokenIssue;

const WRITE: &str = "policy-write";
const READ: &str = "policy-read";
const METADATA: &str = "policy-metadata";
const DELETE: &str = "policy-delete";
const SCOPE: &str = "policy-scope";

/// The number of targets that a finding names.
const MAX_NAMED: usize = 3;

/// Returns the names of the checks.
pub(super) fn names<W: Backends>(ctx: &Context<W>) -> Vec<&'static str> {
    let deletes = ctx.config.on_user_deleted == OnUserDeleted::SoftDelete;
    [WRITE, READ, METADATA]
        .into_iter()
        .chain(deletes.then_some(DELETE))
        .chain([SCOPE])
        .collect()
}

/// Asks Vault for the capabilities.
pub(super) async fn checks<W: Backends>(
    ctx: &Context<W>,
    targets: &Targets,
    deadline: Instant,
) -> Vec<Check> {
    let mut found = None;
    let write = check(WRITE, deadline, async {
        let read = ctx
            .session
            .call(async |vault, token| Capabilities::of(vault, token, targets).await);
        match read.await {
            Err(error @ Error::Denied { .. }) => failed(&error, "").into_warning(),
            Err(error) => failed(&error, "check VAULT_ADDR and VAULT_NAMESPACE"),
            Ok(capabilities) => {
                let finding = write(&capabilities);
                found = Some(capabilities);
                finding
            }
        }
    });
    let mut checks = vec![write.await];
    let Some(capabilities) = found else {
        // After a warning the token may be sufficient, so the others are not reported as skipped.
        if checks[0].status == CheckStatus::Fail {
            checks.extend(check::skipped(&names(ctx)[1..], WRITE));
        }
        return checks;
    };
    let issues = capabilities.issues(&ctx.config);
    let mut add = |name: &'static str, relevant: &[TokenIssue], success: &str| {
        let issues = issues.iter().filter(|issue| relevant.contains(issue));
        let (details, remedies): (Vec<_>, Vec<_>) = issues
            .map(|issue| (issue.to_string(), issue.remedy()))
            .unzip();
        let finding = if details.is_empty() {
            pass(success)
        } else {
            warn(details.join("; "), remedies.join("; "))
        };
        checks.push(finding.of(name, Duration::ZERO));
    };
    let compares = ctx.config.bucket.is_none() && capabilities.compares;
    add(
        READ,
        &[TokenIssue::ReadsKeys, TokenIssue::CannotRead],
        if compares {
            "it may read keys for comparison"
        } else {
            "it may not read keys"
        },
    );
    add(
        METADATA,
        &[TokenIssue::MetadataHidden, TokenIssue::CannotMark],
        if capabilities.list_metadata {
            "it may read the metadata of keys, and of a folder in one call if the server offers it"
        } else {
            "it may read the metadata of keys, one at a time"
        },
    );
    if ctx.config.on_user_deleted == OnUserDeleted::SoftDelete {
        add(
            DELETE,
            &[TokenIssue::CannotDelete],
            "it may soft-delete keys",
        );
    }
    add(
        SCOPE,
        &[
            TokenIssue::WritesElsewhere,
            TokenIssue::Destroys,
            TokenIssue::Sudo,
        ],
        if targets
            .others()
            .is_some_and(|target| !target.is_of_document)
        {
            "it may write nothing outside the prefix and destroy nothing"
        } else {
            "it may destroy nothing"
        },
    );
    checks
}

/// Returns whether the token may write the keys of all targets.
fn write(capabilities: &Capabilities) -> Finding {
    let Capabilities {
        unwritable,
        unchecked,
        ..
    } = capabilities;
    if unwritable.is_empty() && *unchecked > 0 {
        return pass(format!(
            "it may write the keys of the targets that were checked; {unchecked} more were not"
        ));
    }
    if unwritable.is_empty() {
        return pass("it may write the keys of all targets");
    }
    let issue = TokenIssue::CannotWrite;
    let more = (unwritable.len() > MAX_NAMED).then(|| "…".to_owned());
    let first = unwritable.iter().take(MAX_NAMED).map(ToString::to_string);
    let named = first.chain(more).collect::<Vec<_>>().join(", ");
    fail(format!("{issue} ({named})"), issue.remedy())
}
