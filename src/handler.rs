//! One invocation: the trigger, the pipeline, the answer.
//!
//! Logs the users (of a reconcile run the notable ones) and fills the metrics, which the binary
//! prints in any case.

mod merge;

use std::collections::BTreeMap;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backends::Backends;
use crate::context::Context;
use crate::deadlines::Deadlines;
use crate::doctor::doctor;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::keys::UserName;
use crate::plan::Outcome;
use crate::reconcile::{Progress, reconcile};
use crate::report::{Report, UserReport};
use crate::sync::{Request, SyncResult, sync_all};
use crate::telemetry::{Metrics, log_user};
use crate::token::TokenStatus;
use crate::trigger::{self, Body, Change, Reconcile, SqsMessage, Trigger};
use merge::merge;

/// If Vault is unreachable for one user of a batch, it is so for the others. So the first failure
/// opens the breaker.
const BREAKER_THRESHOLD: u32 = 1;

/// Answers a payload. Users who are not done by `deadline` fail.
///
/// # Errors
/// As [`KeySync::handle`](crate::KeySync::handle).
pub async fn handle<B: Backends>(
    ctx: &Context<B>,
    payload: Value,
    request_id: &str,
    deadline: Instant,
    metrics: &mut Metrics,
) -> Result<Value, Error> {
    let started = Instant::now();
    let trigger = trigger::parse(payload, &ctx.config.naming);
    let trigger = trigger.inspect_err(|_| metrics.bad_events += 1)?;
    let mut handler = Handler {
        ctx,
        deadline,
        metrics,
    };
    let answer = match trigger {
        Trigger::Ignored(reason) => {
            tracing::info!(reason, "ignored: {reason}");
            Ok(json!({ "ignored": reason }))
        }
        Trigger::Change(change) => {
            let request = merge(&[(change, true)]);
            let invocation = Invocation::new(ctx, deadline, BREAKER_THRESHOLD);
            let requests = request.into_iter().collect();
            let results = handler.sync(invocation, requests).await.concat();
            let report = Report::new("event", &results, started.elapsed(), Timestamp::now());
            report.into_result().map(to_value)
        }
        Trigger::Sync(order) => {
            let requests = order
                .users
                .iter()
                .map(|user| Request::of_operator(user, &order));
            let invocation = Invocation::new(ctx, deadline, BREAKER_THRESHOLD).paced();
            let results = handler.sync(invocation, requests.collect()).await.concat();
            let report = Report::new("sync", &results, started.elapsed(), Timestamp::now());
            Ok(to_value(report.cut()))
        }
        Trigger::Batch(records) => Ok(to_value(batch_response(handler.batch(records).await))),
        Trigger::Reconcile(order) => handler.reconcile(order, request_id).await.map(to_value),
        Trigger::RefreshToken => handler.refresh_token().await.map(to_value),
        Trigger::Doctor => Ok(to_value(Box::pin(doctor(ctx, deadline)).await)),
    };
    handler.metrics.set_duration(started.elapsed());
    answer
}

struct Handler<'a, B: Backends> {
    ctx: &'a Context<B>,
    deadline: Instant,
    metrics: &'a mut Metrics,
}

impl<B: Backends> Handler<'_, B> {
    /// Syncs the users of a batch, each once; returns the ids of the messages to redeliver.
    async fn batch(&mut self, records: Vec<SqsMessage>) -> Vec<String> {
        let mut messages = BTreeMap::<UserName, Vec<(String, u32, Change)>>::new();
        for SqsMessage {
            message_id,
            delivery,
            body,
        } in records
        {
            match body {
                Body::Change(change) => {
                    let of_user = messages.entry(change.user.clone()).or_default();
                    of_user.push((message_id, delivery, change));
                }
                Body::Ignored(reason) => {
                    tracing::info!(messageId = message_id, reason, "ignored message: {reason}");
                }
                Body::Bad(reason) => {
                    self.metrics.bad_events += 1;
                    tracing::error!(
                        messageId = message_id,
                        reason,
                        "dropped malformed message: {reason}"
                    );
                }
            }
        }
        let requests = messages.values().filter_map(|of_user| {
            // A redelivered message has waited long enough: its read counts.
            let changes = of_user.iter();
            let changes = changes.map(|(_, delivery, change)| (change.clone(), *delivery <= 1));
            merge(&changes.collect::<Vec<_>>())
        });
        let invocation = Invocation::new(self.ctx, self.deadline, BREAKER_THRESHOLD);
        let results = self.sync(invocation, requests.collect()).await;
        let by_user = results.iter().zip(messages.into_values());
        let returned = by_user.flat_map(|(result, of_user)| {
            let of_user = of_user.into_iter();
            of_user.filter(|(_, delivery, _)| {
                let mut secrets = result.iter();
                secrets.any(|secret| secret.should_redeliver(*delivery))
            })
        });
        returned.map(|(message_id, ..)| message_id).collect()
    }

    /// Syncs users, and renews the token meanwhile if that is due. Returns the results of each user.
    async fn sync(
        &mut self,
        invocation: Invocation<'_, B>,
        requests: Vec<Request>,
    ) -> Vec<Vec<SyncResult>> {
        if requests.is_empty() {
            return Vec::new();
        }
        let results = sync_all(&invocation, requests);
        let renewal = self.ctx.maintain_token(false, self.deadline);
        let (results, token) = tokio::join!(results, renewal);
        let now = Timestamp::now();
        for result in results.iter().flatten() {
            log_user(&UserReport::new(result, now));
            self.metrics.count(result, now);
        }
        if let Err(problem) = &token {
            self.ctx.warn_of_token(vec![problem.clone()]);
        }
        self.count_token(token);
        results
    }

    /// Reconciles all users if that is due, and renews the token in any case.
    async fn reconcile(&mut self, order: Reconcile, request_id: &str) -> Result<Report, Error> {
        let metrics = &mut *self.metrics;
        let progress = |progress: Progress<'_>| {
            let Progress::User(results) = progress else {
                return;
            };
            let now = Timestamp::now();
            for result in results {
                // Users in sync are one line together, not one each.
                if result.is_notable() {
                    log_user(&UserReport::new(result, now));
                }
                metrics.count(result, now);
            }
        };
        let deadlines = Deadlines::until(self.deadline);
        let never = CancellationToken::new();
        let run = reconcile(self.ctx, &order, request_id, deadlines, &never, progress).await?;
        if let Some(complete) = run.complete {
            let late = [Outcome::Superseded, Outcome::Failed].map(|late| run.report.counts[&late]);
            let in_sync = late.iter().all(|users| *users == 0);
            self.metrics.count_reconcile(run.stalled, complete, in_sync);
            self.metrics.rewritten_again = run.rewritten_again;
        }
        if let Some(token) = run.token {
            self.count_token(token);
        }
        let Report {
            skipped,
            counts,
            millis,
            ..
        } = &run.report;
        if let Some(reason) = skipped {
            tracing::info!(reason, "no reconcile run: {reason}");
        } else {
            let counts = counts
                .iter()
                .map(|(outcome, count)| format!("{} {count}", outcome.as_str()));
            let counts = counts.collect::<Vec<_>>().join(", ");
            tracing::info!(
                millis,
                complete = run.problems.is_empty(),
                "reconciled: {counts}"
            );
        }
        if run.problems.is_empty() {
            return Ok(run.report);
        }
        Err(Error::PartialFailure(run.problems.join("; ")))
    }

    /// Renews the token in any case.
    async fn refresh_token(&mut self) -> Result<TokenStatus, Error> {
        let status = self.ctx.renew_token(true, self.deadline).await?;
        self.metrics.vault_token_hours_left = status.hours_left();
        Ok(status)
    }

    fn count_token(&mut self, status: Result<TokenStatus, String>) {
        self.metrics.vault_token_hours_left = status.ok().and_then(|status| status.hours_left());
    }
}

/// Returns the answer to SQS: exactly these messages are redelivered.
fn batch_response(message_ids: impl IntoIterator<Item = String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.set_failures(message_ids);
    response
}

fn to_value(answer: impl Serialize) -> Value {
    serde_json::to_value(answer).expect("answers have only text keys and plain values")
}

#[cfg(test)]
mod tests;
