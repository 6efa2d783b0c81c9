//! What woke us: a payload, parsed into one of the few things that the service does.
//!
//! Pure. An event is only a hint, so nothing of it is believed but the user's name and the time. Must not do: fail a
//! whole batch for one record of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::keys::{ParameterNaming, UserName};

const EXPECTED: &str = "expected an EventBridge event of aws.ssm, an SQS batch of such events, or \
    {\"action\": \"sync\", \"users\": [\"…\"]}, {\"action\": \"reconcile\", \"force\"?, \"users\"?, \"dryRun\"?, \
    \"allowMassRetire\"?}, {\"action\": \"refresh-token\"} or {\"action\": \"doctor\"}";

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Trigger {
    /// A parameter changed, told by EventBridge itself.
    Change(Change),
    /// Parameters changed, told through SQS.
    Batch(Vec<Record>),
    /// An operator asks to sync these users, each named once.
    Sync(Vec<UserName>),
    /// Sync everybody.
    Reconcile(Reconcile),
    /// Renew the Vault token.
    RefreshToken,
    /// Look at everything that the service needs.
    Doctor,
    /// Nothing: why not.
    Ignored(String),
}

/// How a sweep is wanted.
#[derive(Debug, Default, PartialEq)]
pub struct Reconcile {
    /// Do it although the last one was complete and is not old.
    pub force: bool,
    /// Only these users.
    pub users: Option<Vec<UserName>>,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Retire however many users seem to be gone.
    pub allow_mass_retire: bool,
}

/// A user's parameter changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Whose.
    pub user: UserName,
    /// How.
    pub operation: Operation,
    /// When, to the second; `None` where the event does not tell.
    pub at: Option<Timestamp>,
}

/// How a parameter changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Created or updated.
    Put,
    /// Deleted.
    Delete,
}

/// One message of an SQS batch.
#[derive(Debug, PartialEq)]
pub struct Record {
    /// The id by which the message is handed back.
    pub message_id: String,
    /// Which delivery this is, from 1.
    pub delivery: u32,
    /// What the message says.
    pub body: Body,
}

/// What a message says.
#[derive(Debug, PartialEq)]
pub enum Body {
    /// A user's parameter changed.
    Change(Change),
    /// An event that does not concern us: why not.
    Ignored(String),
    /// No event at all: why not.
    Bad(String),
}

/// Parses a Lambda payload.
///
/// # Errors
/// [`Error::BadEvent`] for anything but the payloads that are documented in `events/README.md`.
pub fn parse(payload: Value, naming: &ParameterNaming) -> Result<Trigger, Error> {
    match payload {
        Value::Object(ref members) if members.contains_key("Records") => batch(payload, naming),
        Value::Object(ref members) if members.contains_key("action") => action(payload),
        payload if text(&payload, "/detail-type") == Some("Scheduled Event") => {
            Ok(Trigger::Reconcile(Reconcile::default()))
        }
        payload => match event(&payload, naming) {
            Body::Change(change) => Ok(Trigger::Change(change)),
            Body::Ignored(reason) => Ok(Trigger::Ignored(reason)),
            Body::Bad(reason) => Err(Error::BadEvent(format!("{reason}; {EXPECTED}"))),
        },
    }
}

/// Whether a payload asks for the doctor, who also sees those that are too ill for anything else.
pub fn asks_for_the_doctor(payload: &Value) -> bool {
    payload.get("action").is_some() && matches!(action(payload.clone()), Ok(Trigger::Doctor))
}

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
enum Action {
    Sync {
        users: Vec<String>,
    },
    #[serde(rename_all = "camelCase")]
    Reconcile {
        #[serde(default)]
        force: bool,
        #[serde(default)]
        users: Option<Vec<String>>,
        #[serde(default)]
        dry_run: bool,
        #[serde(default)]
        allow_mass_retire: bool,
    },
    RefreshToken {},
    Doctor {},
}

fn action(payload: Value) -> Result<Trigger, Error> {
    // serde's own text quotes the payload.
    let action = Action::deserialize(payload)
        .map_err(|_| bad("the action is unknown, or its members are wrong"))?;
    match action {
        Action::RefreshToken {} => Ok(Trigger::RefreshToken),
        Action::Doctor {} => Ok(Trigger::Doctor),
        Action::Sync { users } => named(&users).map(Trigger::Sync),
        Action::Reconcile {
            force,
            users,
            dry_run,
            allow_mass_retire,
        } => {
            let users = users.map(|users| named(&users)).transpose()?;
            Ok(Trigger::Reconcile(Reconcile {
                force,
                users,
                dry_run,
                allow_mass_retire,
            }))
        }
    }
}

/// The users that an operator names, each once.
fn named(users: &[String]) -> Result<Vec<UserName>, Error> {
    let mut named = Vec::with_capacity(users.len());
    let mut seen = BTreeSet::new();
    for user in users {
        let user = UserName::parse(user).map_err(|error| bad(&format!("\"users\": {error}")))?;
        if seen.insert(user.clone()) {
            named.push(user);
        }
    }
    if named.is_empty() {
        Err(bad("\"users\" is empty"))
    } else {
        Ok(named)
    }
}

fn bad(reason: &str) -> Error {
    Error::BadEvent(format!("{}; {EXPECTED}", excerpt(reason)))
}

fn batch(payload: Value, naming: &ParameterNaming) -> Result<Trigger, Error> {
    #[derive(Deserialize)]
    struct Batch {
        #[serde(rename = "Records")]
        records: Vec<Value>,
    }
    let Batch { records } =
        Batch::deserialize(payload).map_err(|_| bad("\"Records\" is not an array"))?;
    records
        .iter()
        .map(|value| record(value, naming))
        .collect::<Result<_, _>>()
        .map(Trigger::Batch)
}

/// A record without a message id could not be handed back, and then SQS would take it for done: the batch is refused.
/// Only the members that count are looked at: a good event must not be lost for an odd one beside it.
fn record(value: &Value, naming: &ParameterNaming) -> Result<Record, Error> {
    let message_id = text(value, "/messageId").unwrap_or_default().to_owned();
    if message_id.is_empty()
        || value
            .get("eventSource")
            .is_some_and(|source| source != "aws:sqs")
    {
        return Err(bad(
            "\"Records\" holds a record that is not an SQS message with a messageId",
        ));
    }
    let delivery = match value.pointer("/attributes/ApproximateReceiveCount") {
        Some(Value::String(count)) => count.parse().ok(),
        Some(Value::Number(count)) => count.as_u64().and_then(|count| u32::try_from(count).ok()),
        _ => None,
    };
    let body = match text(value, "/body").map(serde_json::from_str) {
        Some(Ok(body)) => event(&body, naming),
        Some(Err(_)) => Body::Bad("the body is not JSON".to_owned()),
        None => Body::Bad("the record has no body".to_owned()),
    };
    Ok(Record {
        message_id,
        delivery: delivery.unwrap_or(1).max(1),
        body,
    })
}

fn event(value: &Value, naming: &ParameterNaming) -> Body {
    let (Some(source), Some(kind)) = (text(value, "/source"), text(value, "/detail-type")) else {
        return Body::Bad("not an EventBridge event".to_owned());
    };
    if source != "aws.ssm" || kind != "Parameter Store Change" {
        let (source, kind) = (excerpt(source), excerpt(kind));
        return Body::Ignored(format!(
            "{source} / {kind} is not aws.ssm / Parameter Store Change"
        ));
    }
    if value
        .pointer("/detail/exception")
        .is_some_and(|exception| !exception.is_null())
    {
        return Body::Ignored("the event tells of an exception, not of a change".to_owned());
    }
    let (Some(name), Some(operation)) = (
        text(value, "/detail/name"),
        text(value, "/detail/operation"),
    ) else {
        return Body::Bad("the event's detail has no name or no operation".to_owned());
    };
    let operation = match operation {
        "Create" | "Update" => Operation::Put,
        "Delete" => Operation::Delete,
        other => {
            return Body::Ignored(format!(
                "{} is no operation that changes a value",
                excerpt(other)
            ));
        }
    };
    let at = text(value, "/time").and_then(|time| time.parse().ok());
    match naming.user_of(name) {
        Ok(user) => Body::Change(Change {
            user,
            operation,
            at,
        }),
        Err(reason) => Body::Ignored(reason),
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The beginning of a foreign text, for a message.
fn excerpt(text: &str) -> String {
    if text.chars().count() > 120 {
        text.chars().take(120).chain("…".chars()).collect()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests;
