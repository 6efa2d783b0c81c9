use serde_json::json;

use super::*;

/// When the documented events occurred.
const TIME: &str = "2025-06-02T10:15:30Z";

const EVENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/events");

fn naming() -> ParameterNaming {
    ParameterNaming {
        prefix: "/iam_users/".into(),
        suffix: "_keys".into(),
    }
}

fn read(payload: Value) -> Result<Trigger, Error> {
    parse(payload, &naming())
}

fn sync(users: &[&str], adopt: bool) -> SyncUsers {
    SyncUsers {
        users: users.iter().map(|name| user(name)).collect(),
        adopt,
        dry_run: false,
    }
}

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn change(name: &str, operation: Operation, at: &str) -> Change {
    Change {
        user: user(name),
        operation,
        at: Some(at.parse().unwrap()),
    }
}

/// Returns an event as AWS sends it.
fn event() -> Value {
    serde_json::from_str(include_str!("../../events/parameter-update.json")).unwrap()
}

/// Returns an event with the member at `pointer` replaced.
fn event_with(pointer: &str, value: Value) -> Value {
    let mut event = event();
    *event.pointer_mut(pointer).unwrap() = value;
    event
}

/// Returns an event without the member `name` of the object at `pointer`.
fn event_without(pointer: &str, name: &str) -> Value {
    let mut event = event();
    let object = event.pointer_mut(pointer).unwrap().as_object_mut();
    object.unwrap().remove(name).unwrap();
    event
}

/// Returns the record that `message` gives with this body.
fn record_of(body: Body) -> SqsMessage {
    SqsMessage {
        message_id: "m-1".into(),
        delivery: 1,
        body,
    }
}

/// Parses a batch with this message first, and returns its record.
fn first_record(message: &Value) -> SqsMessage {
    let shown: String = message.to_string().chars().take(200).collect();
    match read(json!({ "Records": [message] })) {
        Ok(Trigger::Batch(mut records)) => records.remove(0),
        other => panic!("{shown}: {other:?}"),
    }
}

fn scheduled_event() -> Value {
    serde_json::from_str(include_str!("../../events/scheduled-event.json")).unwrap()
}

/// Returns the members of a valid event without their names, in the order in which AWS sends them.
fn event_as_array() -> Value {
    let detail = json!({ "name": "/iam_users/alice_keys", "operation": "Update" });
    let kind = "Parameter Store Change";
    json!([
        "0",
        "id",
        kind,
        "aws.ssm",
        "123456789012",
        TIME,
        "ca-central-1",
        ["arn"],
        detail
    ])
}

/// Returns a message with a valid event, and with these members replaced.
fn message(changes: &Value) -> Value {
    let body = event().to_string();
    let mut message = json!({ "messageId": "m-1", "eventSource": "aws:sqs", "body": body });
    let changes = changes.as_object().unwrap().clone();
    message.as_object_mut().unwrap().extend(changes);
    message
}

/// Returns why a payload is rejected.
fn rejection(payload: Value) -> String {
    let shown: String = payload.to_string().chars().take(200).collect();
    match read(payload) {
        Err(Error::BadEvent(text)) => {
            let reason = text.strip_suffix(EXPECTED);
            reason
                .unwrap_or_else(|| panic!("{shown}: {text}"))
                .to_owned()
        }
        other => panic!("{shown}: {other:?}"),
    }
}

fn assert_not_an_event(payload: Value) {
    assert_eq!(rejection(payload), "not an EventBridge event; ");
}

fn assert_ignored(payload: Value, because: &str) {
    let shown: String = payload.to_string().chars().take(400).collect();
    match read(payload) {
        Ok(Trigger::Ignored(reason)) => assert!(reason.contains(because), "{shown}: {reason}"),
        other => panic!("{shown}: {other:?}"),
    }
}

/// Returns what a documented payload is parsed as, or why it is rejected.
fn expected_of(file: &str) -> Option<Result<Trigger, &'static str>> {
    let ignored = |reason: &str| Some(Ok(Trigger::Ignored(reason.to_owned())));
    let record = |n: u8, delivery, body| SqsMessage {
        message_id: format!("7d1b9c3e-0000-4000-8000-00000000000{n}"),
        delivery,
        body,
    };
    let label = "the operation LabelParameterVersion does not change a value";
    let alice = change("alice", Operation::Put, TIME);
    let again = change("alice", Operation::Put, "2025-06-02T10:15:33Z");
    let bob = change("bob", Operation::Put, "2025-06-02T08:00:04Z");
    match file {
        "parameter-create.json" => Some(Ok(Trigger::Change(bob))),
        "parameter-update.json" => Some(Ok(Trigger::Change(alice))),
        "parameter-delete.json" => {
            let carol = change("carol", Operation::Delete, "2025-06-02T12:30:00Z");
            Some(Ok(Trigger::Change(carol)))
        }
        "parameter-label.json" => ignored(label),
        "parameter-exception.json" => ignored("the event reports an exception, not a change"),
        "parameter-other-name.json" => {
            ignored("the parameter's name is not /iam_users/<user>_keys")
        }
        "parameter-other-source.json" => ignored(
            "aws.ec2 / EC2 Instance State-change Notification is not aws.ssm / Parameter Store Change",
        ),
        "sqs-batch.json" => Some(Ok(Trigger::Batch(vec![
            record(1, 1, Body::Change(alice)),
            record(2, 1, Body::Change(again)),
            record(3, 1, Body::Change(bob)),
            record(4, 1, Body::Ignored(label.into())),
            record(5, 1, Body::Bad("the body is not JSON".into())),
        ]))),
        "sqs-batch-redelivered.json" => {
            Some(Ok(Trigger::Batch(vec![record(1, 3, Body::Change(alice))])))
        }
        "action-sync.json" => Some(Ok(Trigger::Sync(sync(&["alice", "bob"], false)))),
        "action-sync-adopt.json" => Some(Ok(Trigger::Sync(sync(&["alice"], true)))),
        "action-reconcile.json" => Some(Ok(Trigger::Reconcile(Reconcile {
            force: true,
            users: Some(vec![user("alice"), user("bob")]),
            dry_run: true,
            allow_mass_retire: false,
        }))),
        "action-reconcile-plain.json" | "scheduled-event.json" => {
            Some(Ok(Trigger::Reconcile(Reconcile::default())))
        }
        "action-doctor.json" => Some(Ok(Trigger::Doctor)),
        "action-refresh-token.json" => Some(Ok(Trigger::RefreshToken)),
        "bad-action.json" => Some(Err("the action is unknown, or its members are wrong; ")),
        "bad-no-event.json" => Some(Err("not an EventBridge event; ")),
        _ => None,
    }
}

fn event_files() -> Vec<String> {
    let entries = std::fs::read_dir(EVENTS).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "README.md").collect()
}

#[test]
fn every_documented_payload_is_parsed_as_documented() {
    for file in event_files() {
        let text = std::fs::read_to_string(format!("{EVENTS}/{file}")).unwrap();
        let payload = serde_json::from_str(&text).unwrap();
        let expected = expected_of(&file);
        match expected.unwrap_or_else(|| panic!("events/{file} has no expectation here")) {
            Ok(trigger) => assert_eq!(read(payload).unwrap(), trigger, "{file}"),
            Err(reason) => assert_eq!(rejection(payload), reason, "{file}"),
        }
    }
}

#[test]
fn the_table_of_payloads_lists_exactly_the_files() {
    let readme = std::fs::read_to_string(format!("{EVENTS}/README.md")).unwrap();
    let rows = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    // The table of outcomes follows.
    let files = rows.map(|(file, _)| file).filter(|file| file.contains('.'));
    let (mut listed, mut existing) = (files.collect::<Vec<_>>(), event_files());
    listed.sort_unstable();
    existing.sort();
    assert_eq!(listed, existing);
}

/// Returns the actions that the documentation shows.
fn documented_actions() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = [
        "README.md",
        "docs/operations.md",
        "docs/network.md",
        "docs/vault.md",
        "docs/migration.md",
        "docs/performance.md",
    ];
    let texts = pages.map(|page| std::fs::read_to_string(root.join(page)).unwrap());
    let starts = texts
        .iter()
        .flat_map(|text| text.split("{\"action\"").skip(1));
    let members = starts.map(|rest| rest.split_once('}').unwrap().0);
    members
        .map(|members| format!("{{\"action\"{members}}}"))
        .collect()
}

#[test]
fn every_documented_action_is_understood() {
    let actions = documented_actions();
    assert!(actions.len() > 15, "{actions:?}");
    for action in actions {
        let payload = serde_json::from_str(&action);
        let payload = payload.unwrap_or_else(|error| panic!("{action}: {error}"));
        assert!(read(payload).is_ok(), "{action}");
    }
}

#[test]
fn a_payload_that_is_not_an_event_is_rejected() {
    for payload in ["null", "true", "5", "\"Update\"", "[]", "[{}]", "{}"] {
        assert_not_an_event(serde_json::from_str(payload).unwrap());
    }
    assert_not_an_event(event_as_array());
    for name in ["source", "detail-type"] {
        assert_not_an_event(event_without("", name));
        for value in [json!(null), json!(5), json!(["aws.ssm"]), json!({})] {
            assert_not_an_event(event_with(&format!("/{name}"), value));
        }
    }
}

#[test]
fn an_event_without_name_or_operation_is_rejected() {
    let assert_rejected = |payload: Value| {
        let reason = rejection(payload.clone());
        assert_eq!(
            reason, "the event's detail has no name or no operation; ",
            "{payload}"
        );
    };
    let array = json!([{ "name": "n", "operation": "Update" }]);
    for detail in [
        json!(null),
        json!("Update"),
        json!(5),
        json!([]),
        json!({}),
        array,
    ] {
        assert_rejected(event_with("/detail", detail));
    }
    assert_rejected(event_without("", "detail"));
    for name in ["name", "operation"] {
        assert_rejected(event_without("/detail", name));
        for value in [
            json!(null),
            json!(5),
            json!(["Update"]),
            json!({ "S": "Update" }),
        ] {
            assert_rejected(event_with(&format!("/detail/{name}"), value));
        }
    }
}

#[test]
fn an_event_of_another_parameter_is_ignored() {
    let long = format!("/iam_users/{}_keys", "x".repeat(65));
    for (name, because) in [
        ("/iam_users/.._keys", "is . or .."),
        ("/iam_users/._keys", "is . or .."),
        ("/iam_users/_keys", "is empty"),
        ("/iam_users/a/b_keys", "contains '/'"),
        (&long, "65 characters"),
        ("iam_users/alice_keys", "is not /iam_users/<user>_keys"),
        ("/iam_users/alice", "is not /iam_users/<user>_keys"),
        ("", "is not /iam_users/<user>_keys"),
    ] {
        assert_ignored(event_with("/detail/name", json!(name)), because);
    }
}

#[test]
fn exactly_one_suffix_is_removed_from_the_name() {
    for (name, owner) in [
        ("/iam_users/x_keys_keys", "x_keys"),
        ("/iam_users/x_keys", "x"),
        ("/iam_users/_keys_keys", "_keys"),
    ] {
        let expected = Trigger::Change(change(owner, Operation::Put, TIME));
        assert_eq!(
            read(event_with("/detail/name", json!(name))).unwrap(),
            expected
        );
    }
}

#[test]
fn an_operation_that_changes_no_value_is_ignored() {
    for other in [
        "update",
        "CREATE",
        "delete",
        "Update ",
        "",
        "UnlabelParameterVersion",
    ] {
        assert_ignored(
            event_with("/detail/operation", json!(other)),
            &format!("the operation {other} does not change a value"),
        );
    }
}

#[test]
fn an_event_without_a_usable_time_still_counts() {
    let times = [
        json!(null),
        json!(""),
        json!("yesterday"),
        json!("2025-06-02"),
        // Later than a timestamp can be.
        json!("+200000-01-01T00:00:00Z"),
        json!(1_748_859_330),
        json!([]),
        json!({}),
    ];
    let payloads = times.into_iter().map(|time| event_with("/time", time));
    for payload in payloads.chain([event_without("", "time")]) {
        let expected = Trigger::Change(Change {
            at: None,
            ..change("alice", Operation::Put, TIME)
        });
        assert_eq!(
            read(payload.clone()).unwrap(),
            expected,
            "{}",
            payload["time"]
        );
    }
}

#[test]
fn an_unused_member_never_invalidates_an_event() {
    let expected = Trigger::Change(change("alice", Operation::Put, TIME));
    for name in ["version", "id", "account", "region", "resources"] {
        assert_eq!(
            read(event_without("", name)).unwrap(),
            expected,
            "without {name}"
        );
        for value in ["null", "123456789012", "\"arn\"", "[null]", "[5]", "{}"] {
            let payload = event_with(&format!("/{name}"), serde_json::from_str(value).unwrap());
            assert_eq!(read(payload).unwrap(), expected, "{name}: {value}");
        }
    }
}

#[test]
fn an_exception_is_ignored_unless_it_is_null() {
    let with = |exception: Value| {
        let name = "/iam_users/alice_keys";
        let detail = json!({ "name": name, "operation": "Update", "exception": exception });
        event_with("/detail", detail)
    };
    let expected = Trigger::Change(change("alice", Operation::Put, TIME));
    assert_eq!(read(with(json!(null))).unwrap(), expected);
    for exception in [
        json!("Unable to Describe Resource"),
        json!(""),
        json!(false),
        json!({}),
        json!([]),
    ] {
        assert_ignored(with(exception), "the event reports an exception");
    }
}

#[test]
fn long_texts_are_quoted_only_in_part() {
    let huge = "é".repeat(1_000_000);
    for payload in [
        event_with("/source", json!(huge)),
        event_with("/detail-type", json!(huge)),
        event_with("/detail/name", json!(huge)),
        event_with("/detail/operation", json!(huge)),
        json!({ "action": huge }),
        json!({ "action": "refresh-token", &huge: 1 }),
        json!({ "action": "sync", "users": [huge] }),
        json!({ "action": "sync", "users": huge }),
        json!({ "action": "reconcile", "users": [huge] }),
        json!({ "action": "reconcile", "force": huge }),
        json!({ "action": "reconcile", &huge: true }),
    ] {
        let text = match read(payload) {
            Ok(Trigger::Ignored(reason)) => reason,
            Err(error) => error.to_string(),
            Ok(other) => panic!("{other:?}"),
        };
        let length = text.chars().count();
        assert!(length < 500, "{length} characters");
    }
}

#[test]
fn a_sync_action_adopts_only_if_that_is_said() {
    let payload = json!({ "action": "sync", "users": ["alice"], "adopt": true });
    let order = sync(&["alice"], true);
    assert_eq!(read(payload).unwrap(), Trigger::Sync(order));
    let payload = json!({ "action": "sync", "users": ["alice"], "adopt": "yes" });
    assert!(matches!(read(payload), Err(Error::BadEvent(_))));
}

#[test]
fn a_user_who_is_named_twice_is_synced_once() {
    let payload = json!({ "action": "sync", "users": ["bob", "alice", "bob", "alice", "x_keys"] });
    assert_eq!(
        read(payload).unwrap(),
        Trigger::Sync(sync(&["bob", "alice", "x_keys"], false))
    );
}

#[test]
fn a_reconcile_action_has_safe_defaults() {
    let users = Some(vec![user("bob"), user("alice")]);
    let order = |force, dry_run, allow_mass_retire| Reconcile {
        force,
        users: None,
        dry_run,
        allow_mass_retire,
    };
    assert_eq!(Reconcile::default(), order(false, false, false));
    for (members, expected) in [
        (
            r#""force": false, "dryRun": false, "allowMassRetire": false"#,
            order(false, false, false),
        ),
        (r#""force": true"#, order(true, false, false)),
        (r#""dryRun": true"#, order(false, true, false)),
        (r#""allowMassRetire": true"#, order(false, false, true)),
        (
            r#""users": ["bob", "alice"]"#,
            Reconcile {
                users: users.clone(),
                ..Reconcile::default()
            },
        ),
        (
            r#""force": true, "dryRun": true, "allowMassRetire": true,
                "users": ["bob", "alice", "bob"]"#,
            Reconcile {
                users,
                ..order(true, true, true)
            },
        ),
    ] {
        let payload = format!(r#"{{"action": "reconcile", {members}}}"#);
        let read = read(serde_json::from_str(&payload).unwrap());
        assert_eq!(read.unwrap(), Trigger::Reconcile(expected), "{payload}");
    }
    let plain = read(json!({ "action": "reconcile" })).unwrap();
    assert_eq!(plain, Trigger::Reconcile(Reconcile::default()));
}

#[test]
fn a_scheduled_event_reconciles_with_defaults() {
    for (name, value) in [
        ("detail", json!({ "force": true, "users": ["alice"] })),
        ("detail", json!(null)),
        ("source", json!("aws.scheduler")),
        ("resources", json!(5)),
        ("time", json!("yesterday")),
    ] {
        let mut payload = scheduled_event();
        payload[name] = value;
        let expected = Trigger::Reconcile(Reconcile::default());
        assert_eq!(read(payload.clone()).unwrap(), expected, "{payload}");
    }
    for kind in ["scheduled event", "Scheduled Event ", "Scheduled"] {
        let mut payload = scheduled_event();
        payload["detail-type"] = json!(kind);
        assert_ignored(payload, "is not aws.ssm / Parameter Store Change");
    }
}

#[test]
fn the_queue_cannot_start_a_reconcile_run() {
    let reason = "aws.events / Scheduled Event is not aws.ssm / Parameter Store Change";
    let action = json!({ "action": "reconcile" });
    for (body, expected) in [
        (scheduled_event(), Body::Ignored(reason.to_owned())),
        (action, Body::Bad("not an EventBridge event".to_owned())),
    ] {
        let message = message(&json!({ "body": body.to_string() }));
        assert_eq!(first_record(&message), record_of(expected));
    }
}

#[test]
fn an_unknown_or_malformed_action_is_rejected() {
    let with = |action: &str, name: &str, value: Value| json!({ "action": action, name: value });
    let fixed = [
        json!({ "action": null }),
        json!({ "action": 5 }),
        json!({ "action": ["sync"], "users": ["alice"] }),
        json!({ "action": "" }),
        json!({ "action": "Sync", "users": ["alice"] }),
        json!({ "action": "refresh_token" }),
        json!({ "action": "refresh-token", "users": ["alice"] }),
        json!({ "action": "sync", "users": ["alice"], "force": true }),
        json!({ "action": "sync" }),
        json!({ "action": "sync", "users": null }),
        json!({ "action": "Reconcile" }),
        // With a misspelt member, this would be a run that writes.
        json!({ "action": "reconcile", "dry_run": true }),
        json!({ "action": "reconcile", "dryrun": true }),
        json!({ "action": "reconcile", "allow_mass_retire": true }),
        json!({ "action": "reconcile", "user": "alice" }),
        json!({ "action": "reconcile", "force": true, "users": ["alice"], "Users": ["bob"] }),
    ];
    let users = [
        json!("alice"),
        json!(5),
        json!({ "alice": true }),
        json!([null]),
        json!(["alice", 5]),
    ];
    let users = users
        .into_iter()
        .flat_map(|users| ["sync", "reconcile"].map(|action| with(action, "users", users.clone())));
    let switches = [
        json!(null),
        json!("true"),
        json!(1),
        json!([true]),
        json!({}),
    ];
    let switches = switches.into_iter().flat_map(|value| {
        ["force", "dryRun", "allowMassRetire"].map(|name| with("reconcile", name, value.clone()))
    });
    for payload in fixed.into_iter().chain(users).chain(switches) {
        let reason = rejection(payload.clone());
        assert_eq!(
            reason, "the action is unknown, or its members are wrong; ",
            "{payload}"
        );
    }
}

#[test]
fn an_action_without_valid_user_names_is_rejected() {
    for (users, because) in [
        (json!([]), "\"users\" is empty"),
        (json!(["alice", ""]), "\"users\": a user name is empty"),
        (json!([".."]), "is . or .."),
        (json!(["../bob"]), "contains '/'"),
        (json!(["alice", "bob\n"]), "contains '\\n'"),
        (json!(["x".repeat(65)]), "65 characters"),
    ] {
        for action in ["sync", "reconcile"] {
            let reason = rejection(json!({ "action": action, "users": users }));
            assert!(reason.contains(because), "{action}, {users}: {reason}");
        }
    }
}

#[test]
fn a_rejected_action_is_not_quoted() {
    for payload in [
        json!({ "action": "sentinel" }),
        json!({ "action": "refresh-token", "sentinel": "sentinel" }),
        json!({ "action": "refresh-token", "token": "sentinel" }),
        json!({ "action": "sync", "users": "sentinel" }),
        json!({ "action": "sync", "users": ["sentinel/sentinel"] }),
        json!({ "action": "reconcile", "force": "sentinel" }),
        json!({ "action": "reconcile", "sentinel": true }),
    ] {
        let reason = rejection(payload);
        assert!(!reason.contains("sentinel"), "{reason}");
    }
}

#[test]
fn a_batch_with_a_record_without_id_is_rejected() {
    for records in [json!(null), json!({}), json!("Records"), json!(5)] {
        let reason = rejection(json!({ "Records": records }));
        assert_eq!(reason, "\"Records\" is not an array; ");
    }
    let reason = "\"Records\" contains a record that is not an SQS message with a messageId; ";
    for record in [
        json!(null),
        json!(5),
        json!("m-1"),
        json!([]),
        json!(["m-1", "receipt", event().to_string()]),
        json!({}),
        message(&json!({ "messageId": null })),
        message(&json!({ "messageId": "" })),
        message(&json!({ "messageId": 1 })),
        message(&json!({ "eventSource": "aws:s3" })),
        message(&json!({ "eventSource": null })),
        json!({ "EventSource": "aws:sns", "Sns": { "MessageId": "m-1", "Message": "{}" } }),
    ] {
        assert_eq!(
            rejection(json!({ "Records": [message(&json!({})), record] })),
            reason
        );
    }
}

#[test]
fn a_malformed_body_affects_no_other_record() {
    let nested = "[".repeat(100_000);
    let (no_json, no_event) = ("the body is not JSON", "not an EventBridge event");
    let valid = message(&json!({ "messageId": "m-2" }));
    for (body, because) in [
        (json!(null), "the record has no body"),
        (json!(5), "the record has no body"),
        (json!({ "source": "aws.ssm" }), "the record has no body"),
        (json!(""), no_json),
        (json!("not JSON"), no_json),
        (json!(nested), no_json),
        (json!("null"), no_event),
        (json!("[]"), no_event),
        (json!(event_as_array().to_string()), no_event),
        (json!(r#"{"action": "sync", "users": ["alice"]}"#), no_event),
        (
            json!(event_without("/detail", "name").to_string()),
            "no name or no operation",
        ),
    ] {
        let malformed = message(&json!({ "body": body }));
        let Ok(Trigger::Batch(records)) = read(json!({ "Records": [malformed, valid] })) else {
            panic!("the batch is rejected: {because}");
        };
        match &records[0].body {
            Body::Bad(reason) => assert!(reason.contains(because), "{reason}"),
            other => panic!("{because}: {other:?}"),
        }
        assert_eq!(records[1].message_id, "m-2");
        assert_eq!(
            records[1].body,
            Body::Change(change("alice", Operation::Put, TIME))
        );
    }
}

#[test]
fn unused_members_of_a_record_are_not_checked() {
    for unused in [
        json!({ "attributes": null }),
        json!({ "attributes": 5 }),
        json!({ "attributes": ["ApproximateReceiveCount"] }),
        json!({ "attributes": { "SentTimestamp": 1_748_859_330_420_u64, "SenderId": null } }),
        json!({ "messageAttributes": null }),
        json!({ "messageAttributes": "none" }),
        json!({ "messageAttributes": { "trace": { "stringValue": 5 } } }),
        json!({ "md5OfBody": 5 }),
        json!({ "md5OfBody": null }),
        json!({ "md5OfBody": "not its sum", "md5OfMessageAttributes": [] }),
        json!({ "receiptHandle": 5, "eventSourceARN": [], "awsRegion": {} }),
    ] {
        let expected = record_of(Body::Change(change("alice", Operation::Put, TIME)));
        assert_eq!(first_record(&message(&unused)), expected, "{unused}");
    }
}

#[test]
fn an_empty_batch_has_no_records() {
    assert_eq!(
        read(json!({ "Records": [] })).unwrap(),
        Trigger::Batch(vec![])
    );
}

#[test]
fn a_record_without_a_delivery_count_is_a_first_delivery() {
    let count = |count: Value| json!({ "ApproximateReceiveCount": count });
    for (attributes, delivery) in [
        (json!(null), 1),
        (json!({}), 1),
        (count(json!("")), 1),
        (count(json!("x")), 1),
        (count(json!("-1")), 1),
        (count(json!("1.5")), 1),
        (count(json!("99999999999999999999")), 1),
        (count(json!("0")), 1),
        (count(json!("1")), 1),
        (count(json!("17")), 17),
        (count(json!(17)), 17),
        (count(json!(0)), 1),
        (count(json!(-1)), 1),
        (count(json!(1.5)), 1),
        (count(json!(4_294_967_313_u64)), 1),
        (count(json!(null)), 1),
        (count(json!(["17"])), 1),
    ] {
        let record = first_record(&message(&json!({ "attributes": attributes })));
        assert_eq!(record.delivery, delivery, "{attributes}");
    }
    assert_eq!(first_record(&message(&json!({}))).delivery, 1);
}

#[test]
fn the_event_pattern_matches_exactly_the_parsed_changes() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("infra/shared/event-pattern.json")).unwrap();
    let pattern: Value = serde_json::from_str(&text).unwrap();
    let name = pattern
        .pointer("/detail/name/0/wildcard")
        .unwrap()
        .as_str()
        .unwrap();
    let wildcard = "${ParameterPrefix}*${ParameterSuffix}";
    let name = name.replace(wildcard, "/iam_users/alice_keys");
    let operations = pattern
        .pointer("/detail/operation")
        .unwrap()
        .as_array()
        .unwrap();
    for operation in ["Create", "Update", "Delete", "LabelParameterVersion"] {
        let event = json!({
            "source": pattern["source"][0], "detail-type": pattern["detail-type"][0],
            "detail": {"operation": operation, "name": name},
        });
        let is_parsed = matches!(read(event), Ok(Trigger::Change(_)));
        assert_eq!(
            operations.contains(&json!(operation)),
            is_parsed,
            "{operation}"
        );
    }
}
