//! The payloads of invocations.

use serde_json::{Value, json};

/// A payload whose strings may contain `{user}`, `{time}` and `{event}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Payload(Value);

/// The payload of one command.
#[derive(Clone, Debug)]
pub struct NamedPayload {
    /// The name of the command.
    pub name: String,
    /// Its payload.
    pub payload: Payload,
}

impl NamedPayload {
    /// Parses `NAME=JSON`.
    pub fn parse(argument: &str) -> Result<Self, String> {
        let (name, json) = argument.split_once('=').ok_or("expected NAME=JSON")?;
        let payload =
            serde_json::from_str(json).map_err(|error| format!("not valid JSON: {error}"))?;
        Ok(Self {
            name: name.to_owned(),
            payload: Payload(payload),
        })
    }
}

impl Payload {
    /// Returns the event that EventBridge sends after a change of a parameter.
    pub fn event() -> Self {
        let name = "/iam_users/{user}_keys";
        Self(json!({
            "version": "0",
            "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
            "detail-type": "Parameter Store Change",
            "source": "aws.ssm",
            "account": "123456789012",
            "region": "ca-central-1",
            "time": "{time}",
            "resources": [format!("arn:aws:ssm:ca-central-1:123456789012:parameter{name}")],
            "detail": {"operation": "Update", "name": name, "type": "SecureString"},
        }))
    }

    /// Returns the request for a reconcile run.
    pub fn reconcile() -> Self {
        Self(json!({"action": "reconcile", "force": true}))
    }

    /// Returns the payload for a change of a user's parameter at the present time.
    pub fn for_user(&self, user: &str) -> Value {
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let values = [("{user}", user), ("{time}", &time.to_string())];
        let event = fill(&Self::event().0, &values).to_string();
        fill(&self.0, &[&values[..], &[("{event}", &event)]].concat())
    }

    /// Returns the payload as it is.
    pub fn as_json(&self) -> &Value {
        &self.0
    }
}

/// Replaces the placeholders in all strings.
fn fill(value: &Value, values: &[(&str, &str)]) -> Value {
    match value {
        Value::String(text) => {
            let filled = values.iter().fold(text.clone(), |text, (name, value)| {
                text.replace(name, value)
            });
            Value::String(filled)
        }
        Value::Array(items) => items.iter().map(|item| fill(item, values)).collect(),
        Value::Object(members) => {
            let filled = members
                .iter()
                .map(|(name, member)| (name.clone(), fill(member, values)));
            Value::Object(filled.collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_names_the_parameter_of_the_user() {
        let event = Payload::event().for_user("ann");
        assert_eq!(event["detail"]["name"], "/iam_users/ann_keys");
        assert_ne!(event["time"], "{time}");
    }

    #[test]
    fn event_can_be_the_body_of_a_queue_message() {
        let argument = r#"other={"Records": [{"body": "{event}"}], "user": "{user}"}"#;
        let NamedPayload { name, payload } = NamedPayload::parse(argument).unwrap();
        assert_eq!(name, "other");
        let payload = payload.for_user("ann");
        assert_eq!(payload["user"], "ann");
        let body = payload["Records"][0]["body"].as_str().unwrap();
        let event: Value = serde_json::from_str(body).unwrap();
        assert_eq!(event["detail"]["name"], "/iam_users/ann_keys");
    }
}
