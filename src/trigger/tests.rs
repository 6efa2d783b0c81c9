use serde_json::json;

use super::*;

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

/// An event as AWS sends it, with the member at `pointer` replaced.
fn event_with(pointer: &str, value: Value) -> Value {
    let mut event: Value =
        serde_json::from_str(include_str!("../../events/parameter-update.json")).unwrap();
    *event.pointer_mut(pointer).unwrap() = value;
    event
}

/// An event as AWS sends it, without the member `name` of the object at `pointer`.
fn event_without(pointer: &str, name: &str) -> Value {
    let mut event = event_with("/version", json!("0"));
    event
        .pointer_mut(pointer)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove(name)
        .unwrap();
    event
}

/// A good event's members without their names, in the order in which AWS sends them.
fn event_as_array() -> Value {
    let detail = json!({ "name": "/iam_users/alice_keys", "operation": "Update" });
    let (kind, time) = ("Parameter Store Change", "2025-06-02T10:15:30Z");
    json!([
        "0",
        "id",
        kind,
        "aws.ssm",
        "123456789012",
        time,
        "ca-central-1",
        ["arn"],
        detail
    ])
}

/// A message with a good event, with the members of `changes` replaced.
fn message(changes: Value) -> Value {
    let body = event_with("/version", json!("0")).to_string();
    let mut message = json!({ "messageId": "m-1", "eventSource": "aws:sqs", "body": body });
    let Value::Object(changes) = changes else {
        panic!("the changes are an object")
    };
    message.as_object_mut().unwrap().extend(changes);
    message
}

fn refusal(payload: Value) -> String {
    let shown: String = payload.to_string().chars().take(200).collect();
    match read(payload) {
        Err(Error::BadEvent(text)) => {
            assert!(text.ends_with(EXPECTED), "{shown}: {text}");
            text.strip_suffix(EXPECTED).unwrap().to_owned()
        }
        other => panic!("{shown}: {other:?}"),
    }
}

fn is_ignored(payload: Value, because: &str) {
    let shown: String = payload.to_string().chars().take(400).collect();
    match read(payload) {
        Ok(Trigger::Ignored(reason)) => assert!(reason.contains(because), "{shown}: {reason}"),
        other => panic!("{shown}: {other:?}"),
    }
}

fn expected_of(file: &str) -> Option<Result<Trigger, &'static str>> {
    let ignored = |reason: &str| Some(Ok(Trigger::Ignored(reason.to_owned())));
    let record = |n: u8, delivery, body| Record {
        message_id: format!("7d1b9c3e-0000-4000-8000-00000000000{n}"),
        delivery,
        body,
    };
    let alice = change("alice", Operation::Put, "2025-06-02T10:15:30Z");
    let bob = change("bob", Operation::Put, "2025-06-02T08:00:04Z");
    match file {
        "parameter-create.json" => Some(Ok(Trigger::Change(bob))),
        "parameter-update.json" => Some(Ok(Trigger::Change(alice))),
        "parameter-delete.json" => Some(Ok(Trigger::Change(change(
            "carol",
            Operation::Delete,
            "2025-06-02T12:30:00Z",
        )))),
        "parameter-label.json" => {
            ignored("LabelParameterVersion is no operation that changes a value")
        }
        "parameter-exception.json" => ignored("the event tells of an exception, not of a change"),
        "parameter-other-name.json" => {
            ignored("the parameter's name is not /iam_users/<user>_keys")
        }
        "parameter-other-source.json" => ignored(
            "aws.ec2 / EC2 Instance State-change Notification is not aws.ssm / Parameter Store Change",
        ),
        "sqs-batch.json" => Some(Ok(Trigger::Batch(vec![
            record(1, 1, Body::Change(alice)),
            record(
                2,
                1,
                Body::Change(change("alice", Operation::Put, "2025-06-02T10:15:33Z")),
            ),
            record(3, 1, Body::Change(bob)),
            record(
                4,
                1,
                Body::Ignored("LabelParameterVersion is no operation that changes a value".into()),
            ),
            record(5, 1, Body::Bad("the body is not JSON".into())),
        ]))),
        "sqs-batch-redelivered.json" => {
            Some(Ok(Trigger::Batch(vec![record(1, 3, Body::Change(alice))])))
        }
        "action-sync.json" => Some(Ok(Trigger::Sync(vec![user("alice"), user("bob")]))),
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
    let entries = std::fs::read_dir(EVENTS)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.filter(|name| name != "README.md").collect()
}

#[test]
fn every_documented_payload_wakes_what_it_should() {
    for file in event_files() {
        let payload =
            serde_json::from_str(&std::fs::read_to_string(format!("{EVENTS}/{file}")).unwrap())
                .unwrap();
        match expected_of(&file).unwrap_or_else(|| panic!("events/{file} has no expectation here"))
        {
            Ok(trigger) => assert_eq!(read(payload).unwrap(), trigger, "{file}"),
            Err(reason) => assert_eq!(refusal(payload), reason, "{file}"),
        }
    }
}

#[test]
fn the_table_of_payloads_lists_exactly_the_files() {
    let readme = std::fs::read_to_string(format!("{EVENTS}/README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| {
        line.strip_prefix("| `")?
            .split_once("` |")
            .map(|(file, _)| file.to_owned())
    });
    let (mut listed, mut there) = (rows.collect::<Vec<_>>(), event_files());
    listed.sort();
    there.sort();
    assert_eq!(listed, there);
}

/// The orders that pages tell people to send, wherever they stand between quotes or backticks.
fn told_orders() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = [
        "README.md",
        "docs/operations.md",
        "docs/network.md",
        "docs/vault.md",
        "docs/migration.md",
        "docs/performance.md",
    ];
    let texts = places.map(|place| std::fs::read_to_string(root.join(place)).unwrap());
    let orders = texts
        .iter()
        .flat_map(|text| text.split("{\"action\"").skip(1));
    orders
        .map(|rest| format!("{{\"action\"{}}}", rest.split_once('}').unwrap().0))
        .collect()
}

#[test]
fn every_order_that_a_page_tells_of_is_understood() {
    let orders = told_orders();
    assert!(orders.len() > 15, "{orders:?}");
    for order in orders {
        let payload =
            serde_json::from_str(&order).unwrap_or_else(|error| panic!("{order}: {error}"));
        assert!(read(payload).is_ok(), "{order}");
    }
}

#[test]
fn what_is_no_event_is_refused() {
    for payload in [
        json!(null),
        json!(true),
        json!(5),
        json!("Update"),
        json!([]),
        json!([{}]),
        json!({}),
    ] {
        assert_eq!(refusal(payload), "not an EventBridge event; ");
    }
    assert_eq!(
        refusal(event_as_array()),
        "not an EventBridge event; ",
        "an array is no event"
    );
    for name in ["source", "detail-type"] {
        assert_eq!(
            refusal(event_without("", name)),
            "not an EventBridge event; ",
            "{name}"
        );
    }
    for pointer in ["/source", "/detail-type"] {
        for value in [json!(null), json!(5), json!(["aws.ssm"]), json!({})] {
            assert_eq!(
                refusal(event_with(pointer, value)),
                "not an EventBridge event; ",
                "{pointer}"
            );
        }
    }
}

#[test]
fn an_event_whose_detail_tells_no_name_or_operation_is_refused() {
    let reason = "the event's detail has no name or no operation; ";
    for value in [
        json!(null),
        json!("Update"),
        json!(5),
        json!([]),
        json!({}),
        json!([{ "name": "n", "operation": "Update" }]),
    ] {
        assert_eq!(refusal(event_with("/detail", value)), reason);
    }
    assert_eq!(refusal(event_without("", "detail")), reason);
    for name in ["name", "operation"] {
        assert_eq!(refusal(event_without("/detail", name)), reason, "{name}");
        for value in [
            json!(null),
            json!(5),
            json!(["Update"]),
            json!({ "S": "Update" }),
        ] {
            assert_eq!(
                refusal(event_with(&format!("/detail/{name}"), value)),
                reason,
                "{name}"
            );
        }
    }
}

#[test]
fn an_event_of_a_name_that_is_no_users_is_ignored() {
    let long = format!("/iam_users/{}_keys", "x".repeat(65));
    for (name, because) in [
        ("/iam_users/.._keys", "dots alone"),
        ("/iam_users/._keys", "dots alone"),
        ("/iam_users/_keys", "is empty"),
        ("/iam_users/a/b_keys", "holds '/'"),
        (&long, "65 characters"),
        ("iam_users/alice_keys", "is not /iam_users/<user>_keys"),
        ("/iam_users/alice", "is not /iam_users/<user>_keys"),
        ("", "is not /iam_users/<user>_keys"),
    ] {
        is_ignored(event_with("/detail/name", json!(name)), because);
    }
}

#[test]
fn exactly_one_suffix_of_the_name_is_not_the_users() {
    for (name, owner) in [
        ("/iam_users/x_keys_keys", "x_keys"),
        ("/iam_users/x_keys", "x"),
        ("/iam_users/_keys_keys", "_keys"),
    ] {
        let expected = change(owner, Operation::Put, "2025-06-02T10:15:30Z");
        assert_eq!(
            read(event_with("/detail/name", json!(name))).unwrap(),
            Trigger::Change(expected)
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
        is_ignored(
            event_with("/detail/operation", json!(other)),
            &format!("{other} is no operation that changes a value"),
        );
    }
}

#[test]
fn an_event_without_a_usable_time_still_counts() {
    let beyond_what_we_can_hold = json!("+200000-01-01T00:00:00Z");
    let odd = [
        json!(null),
        json!(""),
        json!("yesterday"),
        json!("2025-06-02"),
        json!(1_748_859_330),
        json!([]),
        json!({}),
    ];
    let odd = odd
        .into_iter()
        .chain([beyond_what_we_can_hold])
        .map(|time| event_with("/time", time));
    for payload in odd.chain([event_without("", "time")]) {
        let expected = Change {
            user: user("alice"),
            operation: Operation::Put,
            at: None,
        };
        assert_eq!(
            read(payload.clone()).unwrap(),
            Trigger::Change(expected),
            "{}",
            payload["time"]
        );
    }
}

#[test]
fn an_odd_member_that_does_not_count_drops_no_good_event() {
    let expected = Trigger::Change(change("alice", Operation::Put, "2025-06-02T10:15:30Z"));
    for name in ["version", "id", "account", "region", "resources"] {
        assert_eq!(
            read(event_without("", name)).unwrap(),
            expected,
            "without {name}"
        );
        for value in [
            json!(null),
            json!(123_456_789_012_u64),
            json!("arn"),
            json!([null]),
            json!([5]),
            json!({}),
        ] {
            let payload = event_with(&format!("/{name}"), value.clone());
            assert_eq!(read(payload).unwrap(), expected, "{name}: {value}");
        }
    }
}

#[test]
fn an_exception_that_is_null_is_none() {
    let detail = |exception| json!({ "name": "/iam_users/alice_keys", "operation": "Update", "exception": exception });
    let with = |exception: Value| event_with("/detail", detail(exception));
    let expected = change("alice", Operation::Put, "2025-06-02T10:15:30Z");
    assert_eq!(read(with(json!(null))).unwrap(), Trigger::Change(expected));
    for exception in [
        json!("Unable to Describe Resource"),
        json!(""),
        json!(false),
        json!({}),
        json!([]),
    ] {
        is_ignored(with(exception), "the event tells of an exception");
    }
}

#[test]
fn huge_foreign_texts_are_quoted_by_their_beginning_only() {
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
        assert!(
            text.chars().count() < 500,
            "{} characters",
            text.chars().count()
        );
    }
}

#[test]
fn an_operator_names_each_user_once() {
    let payload = json!({ "action": "sync", "users": ["bob", "alice", "bob", "alice", "x_keys"] });
    assert_eq!(
        read(payload).unwrap(),
        Trigger::Sync(vec![user("bob"), user("alice"), user("x_keys")])
    );
}

#[test]
fn a_sweep_is_of_everybody_and_guarded_unless_the_operator_says_otherwise() {
    let plain = Reconcile::default;
    assert_eq!(
        plain(),
        Reconcile {
            force: false,
            users: None,
            dry_run: false,
            allow_mass_retire: false
        }
    );
    let of_bob_and_alice = Reconcile {
        users: Some(vec![user("bob"), user("alice")]),
        ..plain()
    };
    for (members, expected) in [
        (json!({}), plain()),
        (
            json!({ "force": false, "dryRun": false, "allowMassRetire": false }),
            plain(),
        ),
        (
            json!({ "force": true }),
            Reconcile {
                force: true,
                ..plain()
            },
        ),
        (
            json!({ "dryRun": true }),
            Reconcile {
                dry_run: true,
                ..plain()
            },
        ),
        (
            json!({ "allowMassRetire": true }),
            Reconcile {
                allow_mass_retire: true,
                ..plain()
            },
        ),
        (json!({ "users": ["bob", "alice"] }), of_bob_and_alice),
        (
            json!({ "force": true, "dryRun": true, "allowMassRetire": true, "users": ["bob", "alice", "bob"] }),
            Reconcile {
                force: true,
                users: Some(vec![user("bob"), user("alice")]),
                dry_run: true,
                allow_mass_retire: true,
            },
        ),
    ] {
        let mut payload = members;
        payload["action"] = json!("reconcile");
        assert_eq!(
            read(payload.clone()).unwrap(),
            Trigger::Reconcile(expected),
            "{payload}"
        );
    }
}

#[test]
fn a_scheduled_event_sweeps_everybody_whatever_stands_beside_it() {
    let scheduled: Value =
        serde_json::from_str(include_str!("../../events/scheduled-event.json")).unwrap();
    for (name, value) in [
        ("detail", json!({ "force": true, "users": ["alice"] })),
        ("detail", json!(null)),
        ("source", json!("aws.scheduler")),
        ("resources", json!(5)),
        ("time", json!("yesterday")),
    ] {
        let mut payload = scheduled.clone();
        payload[name] = value;
        assert_eq!(
            read(payload.clone()).unwrap(),
            Trigger::Reconcile(Reconcile::default()),
            "{payload}"
        );
    }
    for kind in ["scheduled event", "Scheduled Event ", "Scheduled"] {
        let mut payload = scheduled.clone();
        payload["detail-type"] = json!(kind);
        is_ignored(payload, "is not aws.ssm / Parameter Store Change");
    }
}

#[test]
fn the_queue_starts_no_sweep() {
    let scheduled: Value =
        serde_json::from_str(include_str!("../../events/scheduled-event.json")).unwrap();
    let reason = "aws.events / Scheduled Event is not aws.ssm / Parameter Store Change";
    for (body, expected) in [
        (scheduled, Body::Ignored(reason.to_owned())),
        (
            json!({ "action": "reconcile" }),
            Body::Bad("not an EventBridge event".to_owned()),
        ),
    ] {
        let message = message(json!({ "body": body.to_string() }));
        let expected = Record {
            message_id: "m-1".into(),
            delivery: 1,
            body: expected,
        };
        assert_eq!(
            read(json!({ "Records": [message] })).unwrap(),
            Trigger::Batch(vec![expected])
        );
    }
}

#[test]
fn an_action_that_is_unknown_or_has_wrong_members_is_refused() {
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
        // Misspelt, this would be a sweep in earnest.
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
        assert_eq!(
            refusal(payload.clone()),
            "the action is unknown, or its members are wrong; ",
            "{payload}"
        );
    }
}

#[test]
fn an_action_for_nobody_or_for_a_hostile_name_is_refused() {
    for (users, because) in [
        (json!([]), "\"users\" is empty"),
        (json!(["alice", ""]), "\"users\": a user name is empty"),
        (json!([".."]), "dots alone"),
        (json!(["../bob"]), "holds '/'"),
        (json!(["alice", "bob\n"]), "holds '\\n'"),
        (json!(["x".repeat(65)]), "65 characters"),
    ] {
        for action in ["sync", "reconcile"] {
            let reason = refusal(json!({ "action": action, "users": users }));
            assert!(reason.contains(because), "{action}, {users}: {reason}");
        }
    }
}

#[test]
fn a_refused_action_is_not_quoted() {
    for payload in [
        json!({ "action": "sentinel" }),
        json!({ "action": "refresh-token", "sentinel": "sentinel" }),
        json!({ "action": "refresh-token", "token": "sentinel" }),
        json!({ "action": "sync", "users": "sentinel" }),
        json!({ "action": "sync", "users": ["sentinel/sentinel"] }),
        json!({ "action": "reconcile", "force": "sentinel" }),
        json!({ "action": "reconcile", "sentinel": true }),
    ] {
        let reason = refusal(payload);
        assert!(!reason.contains("sentinel"), "{reason}");
    }
}

#[test]
fn a_batch_that_cannot_be_handed_back_record_by_record_is_refused() {
    for records in [json!(null), json!({}), json!("Records"), json!(5)] {
        assert_eq!(
            refusal(json!({ "Records": records })),
            "\"Records\" is not an array; "
        );
    }
    let reason = "\"Records\" holds a record that is not an SQS message with a messageId; ";
    for odd in [
        json!(null),
        json!(5),
        json!("m-1"),
        json!([]),
        json!([
            "m-1",
            "receipt",
            event_with("/version", json!("0")).to_string()
        ]),
        json!({}),
        message(json!({ "messageId": null })),
        message(json!({ "messageId": "" })),
        message(json!({ "messageId": 1 })),
        message(json!({ "eventSource": "aws:s3" })),
        message(json!({ "eventSource": null })),
        json!({ "EventSource": "aws:sns", "Sns": { "MessageId": "m-1", "Message": "{}" } }),
    ] {
        assert_eq!(
            refusal(json!({ "Records": [message(json!({})), odd] })),
            reason
        );
    }
}

#[test]
fn an_odd_body_spoils_no_other_record_of_its_batch() {
    let nested = "[".repeat(100_000);
    for (odd, because) in [
        (json!({ "body": null }), "the record has no body"),
        (json!({ "body": "" }), "the body is not JSON"),
        (json!({ "body": "not JSON" }), "the body is not JSON"),
        (json!({ "body": nested }), "the body is not JSON"),
        (json!({ "body": "null" }), "not an EventBridge event"),
        (json!({ "body": "[]" }), "not an EventBridge event"),
        (
            json!({ "body": event_as_array().to_string() }),
            "not an EventBridge event",
        ),
        (
            json!({ "body": r#"{"action": "sync", "users": ["alice"]}"# }),
            "not an EventBridge event",
        ),
        (
            json!({ "body": event_without("/detail", "name").to_string() }),
            "no name or no operation",
        ),
        (json!({ "body": 5 }), "the record has no body"),
        (
            json!({ "body": { "source": "aws.ssm" } }),
            "the record has no body",
        ),
    ] {
        let Ok(Trigger::Batch(records)) =
            read(json!({ "Records": [message(odd), message(json!({ "messageId": "m-2" }))] }))
        else {
            panic!("the batch is refused for: {because}");
        };
        match &records[0].body {
            Body::Bad(reason) => assert!(reason.contains(because), "{reason}"),
            other => panic!("{because}: {other:?}"),
        }
        assert_eq!(records[1].message_id, "m-2");
        assert_eq!(
            records[1].body,
            Body::Change(change("alice", Operation::Put, "2025-06-02T10:15:30Z"))
        );
    }
}

#[test]
fn the_body_is_read_whatever_stands_beside_it() {
    for odd in [
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
        let expected = Record {
            message_id: "m-1".into(),
            delivery: 1,
            body: Body::Change(change("alice", Operation::Put, "2025-06-02T10:15:30Z")),
        };
        let records = json!({ "Records": [message(odd.clone())] });
        assert_eq!(
            read(records).unwrap(),
            Trigger::Batch(vec![expected]),
            "{odd}"
        );
    }
}

#[test]
fn an_empty_batch_is_nothing_to_do() {
    assert_eq!(
        read(json!({ "Records": [] })).unwrap(),
        Trigger::Batch(vec![])
    );
}

#[test]
fn a_delivery_that_is_not_told_counts_as_the_first() {
    let told = |count: Value| json!({ "attributes": { "ApproximateReceiveCount": count } });
    let count = |text: &str| told(json!(text));
    for (attributes, delivery) in [
        (json!({}), 1),
        (json!({ "attributes": null }), 1),
        (json!({ "attributes": {} }), 1),
        (count(""), 1),
        (count("x"), 1),
        (count("-1"), 1),
        (count("1.5"), 1),
        (count("99999999999999999999"), 1),
        (count("1"), 1),
        (count("17"), 17),
        (count("0"), 1),
        (told(json!(17)), 17),
        (told(json!(0)), 1),
        (told(json!(-1)), 1),
        (told(json!(1.5)), 1),
        (told(json!(4_294_967_313_u64)), 1),
        (told(json!(null)), 1),
        (told(json!(["17"])), 1),
    ] {
        let Ok(Trigger::Batch(records)) = read(json!({ "Records": [message(attributes.clone())] }))
        else {
            panic!()
        };
        assert_eq!(records[0].delivery, delivery, "{attributes}");
    }
}

#[test]
fn the_rules_pattern_asks_for_exactly_the_changes_that_are_understood() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/infra/shared/event-pattern.json"
    );
    let pattern: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let texts = |pointer: &str| {
        let texts = pattern
            .pointer(pointer)
            .unwrap()
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap());
        texts.map(str::to_owned).collect::<Vec<_>>()
    };
    let name = pattern
        .pointer("/detail/name/0/wildcard")
        .unwrap()
        .as_str()
        .unwrap();
    let name = name.replace(
        "${ParameterPrefix}*${ParameterSuffix}",
        "/iam_users/alice_keys",
    );
    for operation in ["Create", "Update", "Delete", "LabelParameterVersion"] {
        let event = json!({
            "source": texts("/source")[0], "detail-type": texts("/detail-type")[0],
            "detail": {"operation": operation, "name": name},
        });
        let understood = matches!(parse(event, &naming()), Ok(Trigger::Change(_)));
        assert_eq!(
            texts("/detail/operation")
                .iter()
                .any(|asked| asked == operation),
            understood,
            "{operation}"
        );
    }
}
