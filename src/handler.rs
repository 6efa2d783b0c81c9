//! One invocation: what woke us, the pipeline, the answer.
//!
//! Logs the users (of a sweep those of note) and fills the metrics, which the binary prints, whatever happens. Must not
//! do: anything that the command line would have to do again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use serde::Serialize;
use serde_json::{Value, json};

use crate::backends::Backends;
use crate::context::Context;
use crate::doctor::doctor;
use crate::error::Error;
use crate::keys::UserName;
use crate::observe::Look;
use crate::reconcile::{Watch, run};
use crate::report::{Outcome, Report, UserReport, goes_back};
use crate::sync::{OnlySay, Request, sync_all};
use crate::telemetry::{Metrics, log_user};
use crate::token::TokenStatus;
use crate::trigger::{self, Body, Change, Operation, Reconcile, Record, Trigger};

/// Answers a payload. Users that are not done by `deadline` fail.
///
/// # Errors
/// As [`KeySync::handle`](crate::KeySync::handle).
pub async fn handle<W: Backends>(
    ctx: &Context<W>,
    payload: Value,
    request_id: &str,
    deadline: tokio::time::Instant,
    metrics: &mut Metrics,
) -> Result<Value, Error> {
    let mut invocation = Invocation {
        ctx,
        deadline,
        metrics,
        started: Instant::now(),
    };
    let trigger = trigger::parse(payload, &ctx.config.naming)
        .inspect_err(|_| invocation.metrics.bad_events += 1)?;
    let answer = match trigger {
        Trigger::Ignored(reason) => {
            tracing::info!(reason, "ignored: {reason}");
            Ok(json!({ "ignored": reason }))
        }
        Trigger::Change(change) => {
            let patient = true;
            invocation
                .report("event", merge(&[(change, patient)]).into_iter().collect())
                .await
                .or_failed()
                .map(to_value)
        }
        Trigger::Sync(users) => {
            // An operator asks for somebody because something seems wrong, so Vault is asked as well.
            let requests = users
                .into_iter()
                .map(|user| Request::asked(user, Look::THOROUGH, OnlySay::Nothing));
            Ok(to_value(
                invocation.report("sync", requests.collect()).await,
            ))
        }
        Trigger::Batch(records) => Ok(to_value(batch_response(invocation.batch(records).await))),
        Trigger::Reconcile(order) => invocation.sweep(order, request_id).await.map(to_value),
        Trigger::RefreshToken => {
            let renew_if_due =
                tokio::time::timeout_at(deadline, ctx.session.renew_if_due(true)).await;
            let status = renew_if_due.unwrap_or(Err(Error::OutOfTime))?;
            invocation.metrics.vault_token_hours_left = status.hours_left();
            ctx.warn_of_token(status.warnings.clone());
            Ok(to_value(status))
        }
        Trigger::Doctor => Ok(to_value(Box::pin(doctor(ctx, deadline)).await)),
    };
    invocation.metrics.took(invocation.millis());
    answer
}

struct Invocation<'a, W: Backends> {
    ctx: &'a Context<W>,
    deadline: tokio::time::Instant,
    metrics: &'a mut Metrics,
    started: Instant,
}

impl<W: Backends> Invocation<'_, W> {
    async fn report(&mut self, trigger: &'static str, requests: Vec<Request>) -> Report {
        let users = self.sync(requests).await;
        Report::of(trigger, users, self.started.elapsed())
    }

    /// Sweeps everybody, if that is due, and renews the token in any case.
    async fn sweep(&mut self, order: Reconcile, request_id: &str) -> Result<Report, Error> {
        let watch = Logged(RefCell::new(self.metrics));
        let run = run(self.ctx, &order, request_id, self.deadline, &watch).await?;
        if let Some(complete) = run.complete {
            self.metrics.swept(run.stalled, complete);
        }
        if let Some(token) = run.token {
            self.token(token);
        }
        let Report {
            skipped,
            counts,
            millis,
            ..
        } = &run.report;
        if let Some(reason) = skipped {
            tracing::info!(reason, "no sweep: {reason}");
        } else {
            let counts = counts
                .iter()
                .map(|(outcome, count)| format!("{} {count}", outcome.as_str()));
            let counts = counts.collect::<Vec<_>>().join(", ");
            tracing::info!(
                millis,
                complete = run.problems.is_empty(),
                "swept: {counts}"
            );
        }
        if run.problems.is_empty() {
            Ok(run.report)
        } else {
            Err(Error::PartialFailure(run.problems.join("; ")))
        }
    }

    /// Syncs the users of a batch, each once; returns the messages that go back.
    async fn batch(&mut self, records: Vec<Record>) -> Vec<String> {
        let mut messages = BTreeMap::<UserName, Vec<(String, u32, Change)>>::new();
        for Record {
            message_id,
            delivery,
            body,
        } in records
        {
            match body {
                Body::Change(change) => {
                    messages
                        .entry(change.user.clone())
                        .or_default()
                        .push((message_id, delivery, change));
                }
                Body::Ignored(reason) => {
                    tracing::info!(messageId = message_id, reason, "message ignored: {reason}")
                }
                Body::Bad(reason) => {
                    self.metrics.bad_events += 1;
                    tracing::error!(
                        messageId = message_id,
                        reason,
                        "message dropped, it is no event: {reason}"
                    );
                }
            }
        }
        let requests = messages.values().filter_map(|of_user| {
            // A redelivered message has waited long enough: the read that it gets is believed.
            let changes = of_user
                .iter()
                .map(|(_, delivery, change)| (change.clone(), *delivery <= 1));
            merge(&changes.collect::<Vec<_>>())
        });
        let reports = self.sync(requests.collect()).await;
        let of_users = reports.iter().zip(messages.into_values());
        of_users
            .flat_map(|(report, of_user)| {
                of_user
                    .into_iter()
                    .filter(|(_, delivery, _)| goes_back(report, *delivery))
                    .map(|(id, _, _)| id)
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Syncs users and looks after the token meanwhile.
    async fn sync(&mut self, requests: Vec<Request>) -> Vec<UserReport> {
        if requests.is_empty() {
            return Vec::new();
        }
        let told = requests
            .iter()
            .map(|request| request.told_at)
            .collect::<Vec<_>>();
        let renew_if_due = self.ctx.maintain_token(false, self.deadline);
        let (reports, token) =
            tokio::join!(sync_all(self.ctx, requests, self.deadline), renew_if_due);
        for (report, told) in reports.iter().zip(told) {
            log_user(report);
            self.metrics.count(report, told);
        }
        if let Err(complaint) = &token {
            self.ctx.warn_of_token(vec![complaint.clone()]);
        }
        self.token(token);
        reports
    }

    /// Counts what the token has left.
    fn token(&mut self, status: Result<TokenStatus, String>) {
        if let Ok(status) = status {
            self.metrics.vault_token_hours_left = status.hours_left();
        }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Logs and counts the users of a sweep.
struct Logged<'a>(RefCell<&'a mut Metrics>);

impl Watch for Logged<'_> {
    fn ended(&self, user: &UserReport) {
        // A night of users who are in step is one line, not one each.
        if user.outcome != Outcome::Unchanged || user.notes.remarked {
            log_user(user);
        }
        self.0.borrow_mut().count(user, None);
    }
}

/// The one request that the changes of a user amount to, each with whether it is worth waiting for a newer read: the
/// newest tells what happened. Where a deletion and a put have the same second, the put counts, because believing in a
/// deletion is what could do harm.
fn merge(changes: &[(Change, bool)]) -> Option<Request> {
    let (newest, _) = changes
        .iter()
        .max_by_key(|(change, _)| (change.at, change.operation == Operation::Put))?;
    Some(Request {
        user: newest.user.clone(),
        told_deleted: newest.operation == Operation::Delete,
        told_at: newest.at,
        patient: changes.iter().any(|(_, patient)| *patient),
        look: Look::Quick,
        only_say: OnlySay::Nothing,
    })
}

/// The answer to SQS: exactly these messages come again.
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
