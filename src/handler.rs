//! One invocation: what woke us, the pipeline, the answer.
//!
//! Logs each user once and emits the metrics once, whatever happens. Must not do: anything that the command line would
//! have to do again.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::Error;
use crate::keys::UserName;
use crate::report::{Report, UserReport, batch_response, goes_back};
use crate::stores::Stores;
use crate::sync::{Request, sync_all};
use crate::telemetry::{Metrics, log_user};
use crate::trigger::{self, Body, Change, Operation, Record, Trigger};
use crate::world::World;

/// Answers a payload. Users that are not done by `deadline` fail.
///
/// # Errors
/// [`Error::BadEvent`] for a payload that is none of ours; [`Error::SyncFailed`] when the user of a direct event failed;
/// those of the token for a renewal.
pub async fn handle<W: Stores>(
    world: &World<W>,
    payload: Value,
    deadline: tokio::time::Instant,
    metrics: &mut Metrics,
) -> Result<Value, Error> {
    let mut invocation = Invocation { world, deadline, metrics, started: Instant::now() };
    let trigger = trigger::parse(payload, &world.config.naming).inspect_err(|_| invocation.metrics.bad_events += 1)?;
    let answer = match trigger {
        Trigger::Ignored(reason) => {
            tracing::info!(reason, "ignored: {reason}");
            Ok(json!({ "ignored": reason }))
        }
        Trigger::Change(change) => invocation.report("event", merge(&[change])).await.or_failed().map(to_value),
        Trigger::Sync(users) => {
            Ok(to_value(invocation.report("sync", users.into_iter().map(Request::asked).collect()).await))
        }
        Trigger::Batch(records) => Ok(to_value(batch_response(invocation.batch(records).await))),
        Trigger::RefreshToken => {
            let status = world.session.upkeep(true).await?;
            invocation.metrics.vault_token_hours_left = status.hours_left();
            world.say_of_token(status.warnings.clone());
            Ok(to_value(status))
        }
    };
    invocation.metrics.took(invocation.millis());
    answer
}

struct Invocation<'a, W: Stores> {
    world: &'a World<W>,
    deadline: tokio::time::Instant,
    metrics: &'a mut Metrics,
    started: Instant,
}

impl<W: Stores> Invocation<'_, W> {
    async fn report(&mut self, trigger: &'static str, requests: Vec<Request>) -> Report {
        let users = self.sync(requests).await;
        Report::new(trigger, users, self.millis())
    }

    /// Syncs the users of a batch, each once; returns the messages that go back.
    async fn batch(&mut self, records: Vec<Record>) -> Vec<String> {
        let mut messages = BTreeMap::<UserName, Vec<(String, u32, Change)>>::new();
        for Record { message_id, delivery, body } in records {
            match body {
                Body::Change(change) => {
                    messages.entry(change.user.clone()).or_default().push((message_id, delivery, change));
                }
                Body::Ignored(reason) => tracing::info!(messageId = message_id, reason, "message ignored: {reason}"),
                Body::Bad(reason) => {
                    self.metrics.bad_events += 1;
                    tracing::error!(messageId = message_id, reason, "message dropped, it is no event: {reason}");
                }
            }
        }
        let requests = messages.values().flat_map(|of_user| {
            // A redelivered message has waited long enough: the read that it gets is believed.
            let changes = of_user
                .iter()
                .map(|(_, delivery, change)| Change { at: change.at.filter(|_| *delivery <= 1), ..change.clone() });
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
        let told = requests.iter().map(|request| request.told_at).collect::<Vec<_>>();
        let upkeep = tokio::time::timeout_at(self.deadline, self.world.session.upkeep(false));
        let (reports, token) = tokio::join!(sync_all(self.world, requests, self.deadline), upkeep);
        for (report, told) in reports.iter().zip(told) {
            log_user(report);
            self.metrics.count(report, told, Timestamp::now());
        }
        match token.unwrap_or(Err(Error::OutOfTime)) {
            Ok(status) => {
                self.metrics.vault_token_hours_left = status.hours_left();
                self.world.say_of_token(status.warnings);
            }
            Err(error) => self.world.say_of_token(vec![format!("the Vault token could not be looked after: {error}")]),
        }
        reports
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// The one request that the changes of a user amount to: the newest tells what happened. Where a deletion and a put
/// have the same second, the put counts, because believing in a deletion is what could do harm.
fn merge(changes: &[Change]) -> Vec<Request> {
    let newest = changes.iter().max_by_key(|change| (change.at, change.operation == Operation::Put));
    let request = newest.map(|change| Request {
        user: change.user.clone(),
        told_deleted: change.operation == Operation::Delete,
        told_at: change.at,
    });
    request.into_iter().collect()
}

fn to_value(answer: impl Serialize) -> Value {
    serde_json::to_value(answer).expect("answers have only text keys and plain values")
}

#[cfg(test)]
mod tests;
