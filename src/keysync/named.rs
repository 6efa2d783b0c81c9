//! Syncs the users that an operator names.

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::backends::Backends;
use crate::context::Context;
use crate::deadlines::MAX_INVOCATION;
use crate::invocation::Invocation;
use crate::plan::Outcome;
use crate::report::Report;
use crate::sync::{Request, dry_run, sync_all};
use crate::trigger::SyncUsers;

/// Syncs the users of `order`, and renews the token if that is due.
pub(super) async fn sync_named<B: Backends>(ctx: &Context<B>, order: &SyncUsers) -> Report {
    let started = Instant::now();
    let invocation = Invocation::new(ctx, started + MAX_INVOCATION, 1).paced();
    let users = order.users.iter();
    let requests = users.map(|user| Request::of_operator(user, order));
    if order.dry_run {
        let results = stream::iter(requests).map(|request| dry_run(&invocation, request));
        let results = results
            .buffered(ctx.config.concurrency)
            .collect::<Vec<_>>()
            .await
            .concat();
        return Report::new("sync", &results, started.elapsed(), Timestamp::now());
    }
    let results = sync_all(&invocation, requests.collect());
    let renewal = ctx.maintain_token(false, invocation.deadline);
    let (results, token) = tokio::join!(results, renewal);
    let results = results.concat();
    // If every user failed, the report shows the cause.
    if let Err(problem) = token
        && results
            .iter()
            .any(|result| result.outcome() != Outcome::Failed)
    {
        ctx.warn_of_token(vec![problem]);
    }
    Report::new("sync", &results, started.elapsed(), Timestamp::now())
}
