use serde_json::{Value, json};

use secrecy::ExposeSecret;

use super::*;
use crate::keys::UserName;

const KEY: &str = r#"{"AccessKeyID": "AKIACURRENT", "SecretAccessKey": "sentinel/current+"}"#;
const OLD: &str = r#"{"AccessKeyID": "AKIAOLD", "SecretAccessKey": "sentinel/old+"}"#;

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn revision(version: i64) -> Revision {
    Revision {
        modified: at("2025-06-02T10:15:30Z"),
        version,
    }
}

fn read(value: &str) -> ParameterReading {
    let reading = ParameterReading::parse(&value.into(), revision(3));
    assert!(
        !format!("{reading:?}").contains("sentinel"),
        "the secret of {value} shows"
    );
    assert_eq!(reading.view.revision(), Some(revision(3)));
    reading
}

fn path() -> VaultPath {
    VaultPath {
        mount: "secret".into(),
        path: "aws/iam-keys/alice".into(),
    }
}

/// A state with the members that races are decided by.
fn state(revision: Option<(&str, i64)>, vault_version: Option<u64>, retired: bool) -> UserState {
    UserState {
        parameter_last_modified: revision.map(|(modified, _)| at(modified)),
        parameter_version: revision.map(|(_, version)| version),
        vault_version,
        retired_at: retired.then(|| at("2025-06-09T00:00:00Z")),
        ..serde_json::from_value(legacies()).unwrap()
    }
}

fn legacies() -> Value {
    json!({ "userName": "alice", "lastSecretHash": "97e0f265", "lastSyncedAt": "2025-06-01T02:00:00.123Z" })
}

fn is_malformed(value: &str, because: &str) {
    match read(value).view {
        ParameterView::Malformed { problem, .. } => {
            assert!(problem.contains(because), "{value}: {problem}");
            assert!(
                !problem.contains("sentinel") && problem.len() < 250,
                "{value}: {problem}"
            );
        }
        other => panic!("{value}: {other:?}"),
    }
}

#[test]
fn the_current_key_is_the_key() {
    let nested = format!("{}{}", "[".repeat(4000), "]".repeat(4000));
    for value in [
        format!(r#"{{"current": {KEY}}}"#),
        format!(r#"{{"current": {KEY}, "pending_deletion": {OLD}}}"#),
        format!(r#"{{"pending_deletion": {OLD}, "current": {KEY}}}"#),
        format!(r#"{{"current": {KEY}, "pending_deletion": null}}"#),
        format!(r#"{{"current": {KEY}, "pending_deletion": ["sentinel", 5]}}"#),
        format!(r#"{{"current": {KEY}, "pending_deletion": {OLD}, "pending_deletion": {OLD}}}"#),
        format!(r#"{{"current": {KEY}, "pending_deletion": {nested}}}"#),
        format!(" \r\n\t{{ \"version\": 2,\n \"current\" : \n {KEY} }}\n "),
        r#"{"current":{"Status":"Active","SecretAccessKey":"sentinel\/current\u002b","AccessKeyID":"\u0041KIACURRENT"}}"#.into(),
    ] {
        let ParameterReading { view: ParameterView::Current(current), key: Some(key) } = read(&value) else {
            panic!("{value}")
        };
        let read = (key.id.as_str(), key.secret().expose_secret());
        assert_eq!(read, ("AKIACURRENT", "sentinel/current+"), "{value}");
        assert_eq!((current.id, current.fingerprint), (key.id.clone(), key.fingerprint()));
    }
}

#[test]
fn a_key_may_fill_the_whole_parameter() {
    let secret = format!("sentinel{}", "x".repeat(8000));
    let value = json!({ "current": { "AccessKeyID": "AKIACURRENT", "SecretAccessKey": secret } })
        .to_string();
    assert_eq!(read(&value).key.unwrap().secret().expose_secret(), secret);
}

#[test]
fn what_is_pending_deletion_is_never_the_key() {
    for pending in [
        OLD,
        "null",
        "[]",
        "5",
        r#""sentinel""#,
        &format!("[{OLD}]"),
        &format!(r#"{{"current": {KEY}}}"#),
    ] {
        for value in [
            format!(r#"{{"pending_deletion": {pending}}}"#),
            format!(r#"{{"current": null, "pending_deletion": {pending}}}"#),
            format!(
                r#"{{"pending_deletion": {pending}, "Current": {KEY}, "AccessKeyID": "AKIACURRENT"}}"#
            ),
        ] {
            assert!(
                matches!(read(&value).view, ParameterView::WithoutCurrent { .. }),
                "{value}"
            );
        }
    }
    assert!(matches!(
        read("{}").view,
        ParameterView::WithoutCurrent { .. }
    ));
}

#[test]
fn a_value_that_is_no_json_object_is_malformed() {
    let good = format!(r#"{{"current": {KEY}}}"#);
    for value in [
        "",
        " ",
        "null",
        "5",
        "sentinel",
        r#""sentinel""#,
        "[]",
        &format!("[{KEY}]"),
        &format!("\u{feff}{good}"),
    ] {
        is_malformed(
            value,
            "the value is not a JSON object, expected {\"current\"",
        );
    }
    for value in [
        "{",
        "{sentinel}",
        "{'current': 'sentinel'}",
        &good[..good.len() - 1],
        &format!("{good} sentinel"),
        &format!("{good}{good}"),
        &format!("{{\"current\": {KEY},}}"),
        &format!("{{\"sentinel\n\": 1, \"current\": {KEY}}}"),
        &format!("{{{}", "sentinel".repeat(1000)),
    ] {
        is_malformed(value, "the value is not JSON");
    }
    is_malformed(
        &format!(r#"{{"current": {KEY}, "current": {OLD}}}"#),
        "the value does not have the right members",
    );
}

#[test]
fn a_current_that_is_no_key_is_malformed() {
    let nested = format!("{}5{}", r#"{"sentinel":"#.repeat(700), "}".repeat(700));
    let (kind, members) = (
        "its member \"current\" is not a JSON object",
        "\"current\" does not have the right members",
    );
    let (id, secret, json) = (
        "access key id is empty or holds",
        "secret access key is empty or holds",
        "\"current\" is not JSON",
    );
    for (current, because) in [
        ("5", kind),
        ("true", kind),
        (r#""sentinel""#, kind),
        ("[]", kind),
        (r#"["AKIACURRENT", "sentinel"]"#, kind),
        ("{}", members),
        (&nested, members),
        (r#"{"AccessKeyID": "AKIACURRENT"}"#, members),
        (r#"{"SecretAccessKey": "sentinel"}"#, members),
        (
            r#"{"AccessKeyId": "AKIACURRENT", "SecretAccessKey": "sentinel"}"#,
            members,
        ),
        (
            r#"{"AccessKeyID": null, "SecretAccessKey": "sentinel"}"#,
            members,
        ),
        (
            r#"{"AccessKeyID": "AKIACURRENT", "SecretAccessKey": null}"#,
            members,
        ),
        (
            r#"{"AccessKeyID": 5, "SecretAccessKey": "sentinel"}"#,
            members,
        ),
        (
            r#"{"AccessKeyID": "AKIACURRENT", "SecretAccessKey": ["sentinel"]}"#,
            members,
        ),
        (
            r#"{"AccessKeyID": "AKIACURRENT", "SecretAccessKey": {"sentinel": "sentinel"}}"#,
            members,
        ),
        (
            r#"{"AccessKeyID": "AKIACURRENT", "SecretAccessKey": "sentinel", "SecretAccessKey": "sentinel"}"#,
            members,
        ),
        (
            r#"{"AccessKeyID": "AKIACURRENT", "SecretAccessKey": "sentinel\ud800"}"#,
            json,
        ),
        (r#"{"AccessKeyID": "", "SecretAccessKey": "sentinel"}"#, id),
        (
            r#"{"AccessKeyID": " AKIACURRENT", "SecretAccessKey": "sentinel"}"#,
            id,
        ),
        (
            r#"{"AccessKeyID": "AKIACURRENT\u0000", "SecretAccessKey": "sentinel"}"#,
            id,
        ),
        (
            r#"{"AccessKeyID": "AKIACURRENT", "SecretAccessKey": ""}"#,
            secret,
        ),
        (
            r#"{"AccessKeyID": "AKIACURRENT", "SecretAccessKey": " "}"#,
            secret,
        ),
        (
            r#"{"AccessKeyID": "AKIACURRENT", "SecretAccessKey": "sentinel\n"}"#,
            secret,
        ),
    ] {
        is_malformed(
            &format!(r#"{{"current": {current}, "pending_deletion": {OLD}}}"#),
            because,
        );
    }
}

#[test]
fn what_was_not_read_has_no_revision() {
    for parameter in [
        ParameterView::Absent,
        ParameterView::Unnameable,
        ParameterView::Unreadable(Error::OutOfTime),
    ] {
        assert_eq!(parameter.revision(), None, "{parameter:?}");
    }
}

#[test]
fn a_parameter_made_again_is_newer_than_any_version_before() {
    let of = |modified, version| Revision {
        modified: at(modified),
        version,
    };
    let in_order = [
        of("2025-06-01T00:00:00Z", 1),
        of("2025-06-01T00:00:00Z", 2),
        of("2025-06-01T00:00:00.001Z", 2),
        of("2025-06-03T00:00:00Z", 99),
        of("2025-06-04T00:00:00Z", 1),
    ];
    assert!(in_order.is_sorted_by(|one, next| one < next && Some(*one) > None));
}

#[test]
fn the_state_of_a_written_key_has_these_names() {
    let read = read(&format!(r#"{{"current": {KEY}}}"#));
    let (ParameterView::Current(current), Some(key)) = (read.view, read.key) else {
        panic!()
    };
    let alice = UserName::parse("alice").unwrap();
    let written = UserState::of_written(&alice, &current, &path(), 7, at("2025-06-02T10:15:33.5Z"));
    insta::assert_json_snapshot!(written, @r#"
    {
      "userName": "alice",
      "lastSecretHash": "fd2bf149537c8f287531e5fc7a102e1de32fd6ea775a025c4ef58e860cbc14e6",
      "lastSyncedAt": "2025-06-02T10:15:33.5Z",
      "accessKeyId": "AKIACURRENT",
      "parameterVersion": 3,
      "parameterLastModified": "2025-06-02T10:15:30Z",
      "vaultVersion": 7,
      "vaultPath": "secret/aws/iam-keys/alice"
    }
    "#);
    let retired = UserState {
        retired_at: Some(at("2025-06-09T00:00:00Z")),
        ..written.clone()
    };
    let json = serde_json::to_value(&retired).unwrap();
    assert_eq!(json["retiredAt"], "2025-06-09T00:00:00Z");
    assert_eq!(serde_json::from_value::<UserState>(json).unwrap(), retired);

    let published = UserState::of_secret(&alice, &key, 7, &path());
    assert_eq!(
        published.revision(),
        None,
        "nobody knows from which revision it came"
    );
    let same = |state: &UserState| {
        (
            state.last_secret_hash.clone(),
            state.access_key_id.clone(),
            state.vault_version,
        )
    };
    assert_eq!(same(&published), same(&written));
    assert!(published.is_at(&path()));
}

#[test]
fn a_state_of_the_legacy_service_is_a_state() {
    let state: UserState = serde_json::from_value(legacies()).unwrap();
    assert_eq!(state.last_synced_at, at("2025-06-01T02:00:00.123Z"));
    assert_eq!(
        (state.revision(), state.vault_version, &state.vault_path),
        (None, None, &None)
    );
    assert_eq!(serde_json::to_value(&state).unwrap(), legacies());
}

#[test]
fn a_state_needs_the_predecessors_members_and_no_others() {
    let with = |name: &str, value: Value| {
        let mut state = legacies();
        state[name] = value;
        serde_json::from_value::<UserState>(state)
    };
    let plain: UserState = serde_json::from_value(legacies()).unwrap();
    assert_eq!(with("addedLater", json!({ "a": [1] })).unwrap(), plain);
    for optional in [
        "accessKeyId",
        "parameterVersion",
        "parameterLastModified",
        "vaultVersion",
        "vaultPath",
        "retiredAt",
    ] {
        assert_eq!(with(optional, Value::Null).unwrap(), plain, "{optional}");
        assert!(with(optional, json!([])).is_err(), "{optional}");
    }
    for needed in ["userName", "lastSecretHash", "lastSyncedAt"] {
        let mut state = legacies();
        state.as_object_mut().unwrap().remove(needed).unwrap();
        assert!(
            serde_json::from_value::<UserState>(state).is_err(),
            "{needed}"
        );
        assert!(with(needed, Value::Null).is_err(), "{needed}");
        assert!(with(needed, json!(5)).is_err(), "{needed}");
    }
    for (name, value) in [
        ("lastSyncedAt", json!("yesterday")),
        ("vaultVersion", json!(-1)),
        ("parameterVersion", json!("3")),
    ] {
        assert!(with(name, value).is_err(), "{name}");
    }
}

#[test]
fn a_states_text_is_an_object_or_no_state() {
    let good = legacies().to_string();
    for text in [good.clone(), format!(" \r\n\t{good}\n")] {
        assert_eq!(
            UserState::parse(text.as_bytes()),
            Some(state(None, None, false)),
            "{text}"
        );
    }
    let members = json!([
        "alice",
        "97e0f265",
        "2025-06-01T02:00:00.123Z",
        null,
        null,
        null,
        null,
        null,
        null
    ]);
    assert!(
        serde_json::from_value::<UserState>(members.clone()).is_ok(),
        "serde alone would take it"
    );
    for text in [
        &members.to_string(),
        &format!(" {members}"),
        &format!("[{good}]"),
        "[]",
        "",
        "null",
        "5",
        r#""alice""#,
        "{}",
        &good[..good.len() - 1],
        &format!("{good}{good}"),
        &format!("\u{feff}{good}"),
    ] {
        assert_eq!(UserState::parse(text.as_bytes()), None, "{text}");
    }
    assert_eq!(UserState::parse(b"{\"userName\": \"\xff\"}"), None);
}

#[test]
fn a_record_found_in_place_of_ours_is_kept_replaced_or_looked_into() {
    use Resolution::{Conflict, KeepTheirs, Overwrite};
    let (old, new) = (
        Some(("2025-06-01T00:00:00Z", 9)),
        Some(("2025-06-03T00:00:00Z", 1)),
    );
    for (theirs, ours, expected) in [
        (
            state(new, Some(2), false),
            state(new, Some(2), false),
            KeepTheirs,
        ),
        (
            state(new, Some(3), false),
            state(new, Some(2), false),
            KeepTheirs,
        ),
        (
            state(new, Some(3), false),
            state(old, Some(2), false),
            KeepTheirs,
        ),
        (
            state(new, Some(1), false),
            state(new, Some(2), false),
            Overwrite,
        ),
        (
            state(old, Some(1), false),
            state(new, Some(2), false),
            Overwrite,
        ),
        (
            state(None, None, false),
            state(new, Some(2), false),
            Overwrite,
        ),
        (
            state(new, Some(2), false),
            state(new, Some(2), true),
            Overwrite,
        ),
        // An older key at a newer version, and the other way round: what is in Vault is not what either thinks.
        (
            state(old, Some(3), false),
            state(new, Some(2), false),
            Conflict,
        ),
        (
            state(new, Some(2), false),
            state(old, Some(3), false),
            Conflict,
        ),
        // A key was written after the one that is to be retired.
        (
            state(new, Some(3), false),
            state(old, Some(2), true),
            Conflict,
        ),
        (
            state(new, Some(3), false),
            state(new, Some(2), true),
            Conflict,
        ),
    ] {
        assert_eq!(theirs.resolve(&ours), expected, "{theirs:?} {ours:?}");
    }
}

#[test]
fn a_state_tells_of_its_own_path_or_names_none() {
    let of = |path: Option<&str>| UserState {
        vault_path: path.map(str::to_owned),
        ..state(None, Some(1), false)
    };
    for (recorded, tells) in [
        (None, true),
        (Some("secret/aws/iam-keys/alice"), true),
        (Some("kv/aws/iam-keys/alice"), false),
        (Some("secret/aws/iam-keys/bob"), false),
        (Some("secret/aws/iam-keys/alice/"), false),
        (Some(""), false),
    ] {
        assert_eq!(of(recorded).is_at(&path()), tells, "{recorded:?}");
    }
}
