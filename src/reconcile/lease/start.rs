//! The record of a run that starts.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::super::{OPERATOR_REQUEST, Scope};
use crate::backends::Backends;
use crate::context::Context;
use crate::deadlines::{ANSWER_RESERVE, Deadlines};
use crate::keys::UserName;
use crate::snapshot::ReconcileRecord;

/// How long a lease is valid without a renewal. Lambda repeats a failed asynchronous invocation
/// after one and after three minutes
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>): the second
/// repetition finds the lease of a killed run expired.
const TERM: Duration = Duration::from_mins(2);

/// Returns those of the left-over users whom the configuration still lists.
pub(super) fn listed<B: Backends>(ctx: &Context<B>, users: Vec<UserName>) -> Vec<UserName> {
    match &ctx.config.users {
        Some(list) => users
            .into_iter()
            .filter(|user| list.contains(user))
            .collect(),
        None => users,
    }
}

/// Returns the record of a run that starts now, without the folder in Vault.
pub(super) fn started(
    last: Option<ReconcileRecord>,
    scope: &Scope,
    force: bool,
    request_id: &str,
    deadlines: &Deadlines,
) -> ReconcileRecord {
    let now = Timestamp::now();
    let is_full = matches!(scope, Scope::All { .. });
    let (Scope::Users(left_over) | Scope::All { left_over }) = scope;
    let continued = last.as_ref().filter(|_| !is_full);
    ReconcileRecord {
        started_at: continued.map_or(now, |last| last.started_at),
        finished_at: None,
        on_demand: continued.map_or(force || is_of_operator(request_id), |last| last.on_demand),
        trigger: if is_full {
            "reconcile"
        } else {
            "reconcile-rest"
        }
        .to_owned(),
        counts: BTreeMap::new(),
        failed_users: left_over.iter().map(ToString::to_string).collect(),
        needs_full_run: is_full,
        leased_until: Some(leased_until(deadlines)),
        request_id: Some(request_id.to_owned()),
        rewritten_users: last.map(|last| last.rewritten_users).unwrap_or_default(),
        vault: None,
    }
}

/// Returns whether `keysync` made the request id.
fn is_of_operator(request_id: &str) -> bool {
    request_id.starts_with(OPERATOR_REQUEST)
}

/// Returns when a lease ends that is renewed now.
pub(super) fn leased_until(deadlines: &Deadlines) -> Timestamp {
    let left = deadlines.end.saturating_duration_since(Instant::now()) + ANSWER_RESERVE;
    let term = SignedDuration::try_from(left.min(TERM)).unwrap_or_default();
    Timestamp::now().checked_add(term).unwrap_or(Timestamp::MAX)
}
