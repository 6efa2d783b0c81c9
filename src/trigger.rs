//! Parses a payload into one of the few things that the service does.
//!
//! Pure. An event is only a hint: nothing of it is used except the user's name, the operation and
//! the time. A malformed record never fails the other records of its batch.

mod action;

pub use action::is_doctor_request;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::keys::{ParameterNaming, UserName};

const EXPECTED: &str = "expected an EventBridge event of aws.ssm, an SQS batch of such events, or \
    {\"action\": \"sync\", \"users\": [\"…\"]}, {\"action\": \"reconcile\", \"force\"?, \"users\"?, \
    \"dryRun\"?, \"allowMassRetire\"?}, {\"action\": \"refresh-token\"} or {\"action\": \"doctor\"}";

/// Maximum number of characters that a message quotes of a payload.
const MAX_QUOTED: usize = 120;

/// What to do.
#[derive(Debug, PartialEq)]
pub enum Trigger {
    /// Sync the user whose parameter changed, as reported by EventBridge.
    Change(Change),
    /// Sync the users whose parameters changed, as reported through SQS.
    Batch(Vec<SqsMessage>),
    /// Sync named users.
    Sync(SyncUsers),
    /// Reconcile all users.
    Reconcile(Reconcile),
    /// Renew the Vault token.
    RefreshToken,
    /// Check everything that the service needs.
    Doctor,
    /// Do nothing, for this reason.
    Ignored(String),
}

/// The users to sync, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncUsers {
    /// The users, each once.
    pub users: Vec<UserName>,
    /// Take over secrets that another tool manages.
    pub adopt: bool,
    /// Only report what would be done.
    pub dry_run: bool,
}

/// The options of a reconcile run.
#[derive(Debug, Default, PartialEq)]
pub struct Reconcile {
    /// Run even if none is due.
    pub force: bool,
    /// Cover only these users.
    pub users: Option<Vec<UserName>>,
    /// Only report what would be done.
    pub dry_run: bool,
    /// Lift the mass-retire limit.
    pub allow_mass_retire: bool,
}

/// A change of a user's parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The user.
    pub user: UserName,
    /// What happened to the parameter.
    pub operation: Operation,
    /// When it happened, to the second; `None` if the event has no usable time.
    pub at: Option<Timestamp>,
}

/// What happened to a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It was created or updated.
    Put,
    /// It was deleted.
    Delete,
}

/// One message of an SQS batch.
#[derive(Debug, PartialEq)]
pub struct SqsMessage {
    /// The id by which the message is returned to the queue.
    pub message_id: String,
    /// The number of this delivery, from 1.
    pub delivery: u32,
    /// The content of the message.
    pub body: Body,
}

/// The content of a message.
#[derive(Debug, PartialEq)]
pub enum Body {
    /// A user's parameter changed.
    Change(Change),
    /// The event does not concern this service, for this reason.
    Ignored(String),
    /// The content is malformed, for this reason.
    Bad(String),
}

/// Parses a Lambda payload.
///
/// # Errors
/// [`Error::BadEvent`] for all payloads except those that are documented in `events/README.md`.
pub fn parse(payload: Value, naming: &ParameterNaming) -> Result<Trigger, Error> {
    match payload {
        Value::Object(ref members) if members.contains_key("Records") => batch(payload, naming),
        Value::Object(ref members) if members.contains_key("action") => action::parse(payload),
        payload if string_at(&payload, "/detail-type") == Some("Scheduled Event") => {
            Ok(Trigger::Reconcile(Reconcile::default()))
        }
        payload => match event(&payload, naming) {
            Body::Change(change) => Ok(Trigger::Change(change)),
            Body::Ignored(reason) => Ok(Trigger::Ignored(reason)),
            Body::Bad(reason) => Err(Error::BadEvent(format!("{reason}; {EXPECTED}"))),
        },
    }
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

/// Parses one message. A record without a message id cannot be returned to the queue, and SQS would
/// count it as done, so it fails the batch. Members that are not used are not checked: they must
/// not cost a good event.
fn record(value: &Value, naming: &ParameterNaming) -> Result<SqsMessage, Error> {
    let message_id = string_at(value, "/messageId")
        .unwrap_or_default()
        .to_owned();
    if message_id.is_empty()
        || value
            .get("eventSource")
            .is_some_and(|source| source != "aws:sqs")
    {
        return Err(bad(
            "\"Records\" contains a record that is not an SQS message with a messageId",
        ));
    }
    let delivery = match value.pointer("/attributes/ApproximateReceiveCount") {
        Some(Value::String(count)) => count.parse().ok(),
        Some(Value::Number(count)) => count.as_u64().and_then(|count| u32::try_from(count).ok()),
        _ => None,
    };
    let body = match string_at(value, "/body").map(serde_json::from_str) {
        Some(Ok(body)) => event(&body, naming),
        Some(Err(_)) => Body::Bad("the body is not JSON".to_owned()),
        None => Body::Bad("the record has no body".to_owned()),
    };
    Ok(SqsMessage {
        message_id,
        delivery: delivery.unwrap_or(1).max(1),
        body,
    })
}

fn event(value: &Value, naming: &ParameterNaming) -> Body {
    let (Some(source), Some(kind)) = (
        string_at(value, "/source"),
        string_at(value, "/detail-type"),
    ) else {
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
        return Body::Ignored("the event reports an exception, not a change".to_owned());
    }
    let (Some(name), Some(operation)) = (
        string_at(value, "/detail/name"),
        string_at(value, "/detail/operation"),
    ) else {
        return Body::Bad("the event's detail has no name or no operation".to_owned());
    };
    let operation = match operation {
        "Create" | "Update" => Operation::Put,
        "Delete" => Operation::Delete,
        other => {
            return Body::Ignored(format!(
                "the operation {} does not change a value",
                excerpt(other)
            ));
        }
    };
    let at = string_at(value, "/time").and_then(|time| time.parse().ok());
    match naming.user_of(name) {
        Ok(user) => Body::Change(Change {
            user,
            operation,
            at,
        }),
        Err(reason) => Body::Ignored(reason),
    }
}

/// Returns the string at a JSON pointer, if there is one.
fn string_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn bad(reason: &str) -> Error {
    Error::BadEvent(format!("{}; {EXPECTED}", excerpt(reason)))
}

/// Returns the start of a text from a payload, for a message.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
