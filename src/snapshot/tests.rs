use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::*;
use crate::keys::{SecretLocation, UserName, VaultPath};
use crate::testing::results::{location, target};

const KEY: &str =
    r#"{"AccessKeyID": "AKIA00000CURRENT", "SecretAccessKey": "sentinel/of/current+"}"#;
const OLD: &str =
    r#"{"AccessKeyID": "AKIA000000000OLD", "SecretAccessKey": "sentinel/of/the/old+"}"#;

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
    let shown = format!("{reading:?}");
    assert!(!shown.contains("sentinel"), "{value} shows its secret");
    assert_eq!(reading.view.revision(), Some(revision(3)));
    reading
}

fn here() -> SecretLocation {
    location("aws/iam-keys/alice")
}

/// Returns a state with the members that decide between two states.
fn state(revision: Option<(&str, i64)>, vault_version: Option<u64>, retired: bool) -> SecretRecord {
    SecretRecord {
        parameter_last_modified: revision.map(|(modified, _)| at(modified)),
        parameter_version: revision.map(|(_, version)| version),
        vault_version,
        retired_at: retired.then(|| at("2025-06-09T00:00:00Z")),
        ..serde_json::from_value(legacy_state()).unwrap()
    }
}

/// Returns a state as the legacy service wrote it.
fn legacy_state() -> Value {
    json!({
        "userName": "alice", "lastSecretHash": "97e0f265",
        "lastSyncedAt": "2025-06-01T02:00:00.123Z",
    })
}

fn assert_malformed(value: &str, because: &str) {
    match read(value).view {
        ParameterView::Malformed { problem, .. } => {
            assert!(problem.contains(because), "{value}: {problem}");
            assert!(!problem.contains("sentinel"), "{value}: {problem}");
            assert!(problem.len() < 250, "{value}: {problem}");
        }
        other => panic!("{value}: {other:?}"),
    }
}

#[test]
fn the_current_key_is_read() {
    let nested = format!("{}{}", "[".repeat(4000), "]".repeat(4000));
    for value in [
        format!(r#"{{"current": {KEY}}}"#),
        format!(r#"{{"current": {KEY}, "pending_deletion": {OLD}}}"#),
        format!(r#"{{"pending_deletion": {OLD}, "current": {KEY}}}"#),
        format!(r#"{{"current": {KEY}, "pending_deletion": null}}"#),
        format!(r#"{{"current": {KEY}, "pending_deletion": ["sentinel", 5]}}"#),
        format!(r#"{{"current": {KEY}, "pending_deletion": {OLD}, "pending_deletion": {OLD}}}"#),
        format!(r#"{{"current": {KEY}, "pending_deletion": {nested}}}"#),
        format!(r#"{{"current": {KEY}, "pending_deletion": [1e999, "\ud800"]}}"#),
        format!(" \r\n\t{{ \"version\": 2,\n \"current\" : \n {KEY} }}\n "),
        r#"{"current":{"Status":"Active","SecretAccessKey":"sentinel\/of\/current\u002b",
            "AccessKeyID":"\u0041KIA00000CURRENT"}}"#
            .into(),
    ] {
        let reading = read(&value);
        let (ParameterView::Current(current), Some(key)) = (reading.view, reading.key) else {
            panic!("{value}")
        };
        assert_eq!(key.id, "AKIA00000CURRENT", "{value}");
        assert_eq!(
            key.secret().expose_secret(),
            "sentinel/of/current+",
            "{value}"
        );
        assert_eq!(
            (current.id, current.fingerprint),
            (key.id.clone(), key.fingerprint())
        );
    }
}

#[test]
fn a_key_may_fill_the_whole_parameter() {
    let secret = format!("sentinel{}", "x".repeat(8000));
    let value =
        json!({ "current": { "AccessKeyID": "AKIA00000CURRENT", "SecretAccessKey": secret } })
            .to_string();
    assert_eq!(read(&value).key.unwrap().secret().expose_secret(), secret);
}

#[test]
fn a_key_pending_deletion_is_never_read() {
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
                r#"{{"pending_deletion": {pending}, "Current": {KEY}, "AccessKeyID": "AKIA00000CURRENT"}}"#
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
fn a_value_of_other_members_alone_is_malformed() {
    for value in [
        format!(r#"{{"Current": {KEY}}}"#),
        KEY.to_owned(),
        r#"{"sentinel": 1}"#.to_owned(),
    ] {
        let ParameterView::Malformed { problem, .. } = read(&value).view else {
            panic!("{value}")
        };
        assert!(
            problem.starts_with(r#"the value has neither "current""#),
            "{problem}"
        );
        assert!(
            !problem.contains("sentinel") && !problem.contains("AKIA"),
            "{problem}"
        );
    }
}

#[test]
fn a_value_that_is_not_a_json_object_is_malformed() {
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
        assert_malformed(
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
        assert_malformed(value, "the value is not JSON");
    }
    assert_malformed(
        &format!(r#"{{"current": {KEY}, "current": {OLD}}}"#),
        "the value does not have the right members",
    );
}

#[test]
fn a_current_member_that_is_not_a_key_is_malformed() {
    let nested = format!("{}5{}", r#"{"sentinel":"#.repeat(700), "}".repeat(700));
    let kind = "its member \"current\" is not a JSON object";
    let members = "\"current\" does not have the right members";
    for (current, because) in [
        ("5", kind),
        ("true", kind),
        (r#""sentinel""#, kind),
        ("[]", kind),
        (r#"["AKIA00000CURRENT", "sentinel"]"#, kind),
        ("{}", members),
        (&nested, members),
        (r#"{"AccessKeyID": "AKIA00000CURRENT"}"#, members),
        (r#"{"SecretAccessKey": "sentinel"}"#, members),
        (
            r#"{"AccessKeyId": "AKIA00000CURRENT", "SecretAccessKey": "sentinel"}"#,
            members,
        ),
    ] {
        let value = format!(r#"{{"current": {current}, "pending_deletion": {OLD}}}"#);
        assert_malformed(&value, because);
    }
    let (id, secret) = (
        "access key id is not 16 to 128",
        "secret access key is not at least 20",
    );
    for (key_id, key_secret, because) in [
        ("null", r#""sentinel""#, members),
        (r#""AKIA00000CURRENT""#, "null", members),
        ("5", r#""sentinel""#, members),
        (r#""AKIA00000CURRENT""#, r#"["sentinel"]"#, members),
        (
            r#""AKIA00000CURRENT""#,
            r#"{"sentinel": "sentinel"}"#,
            members,
        ),
        (
            r#""AKIA00000CURRENT""#,
            r#""sentinel", "SecretAccessKey": "sentinel""#,
            members,
        ),
        (
            r#""AKIA00000CURRENT""#,
            r#""sentinel\ud800""#,
            "\"current\" is not JSON",
        ),
        (r#""""#, r#""sentinel""#, id),
        (r#"" AKIA00000CURRENT""#, r#""sentinel""#, id),
        (r#""AKIA00000CURRENT\u0000""#, r#""sentinel""#, id),
        (r#""AKIA00000CURRENT""#, r#""""#, secret),
        (r#""AKIA00000CURRENT""#, r#"" ""#, secret),
        (r#""AKIA00000CURRENT""#, r#""sentinel\n""#, secret),
    ] {
        let current = format!(r#"{{"AccessKeyID": {key_id}, "SecretAccessKey": {key_secret}}}"#);
        let value = format!(r#"{{"current": {current}, "pending_deletion": {OLD}}}"#);
        assert_malformed(&value, because);
    }
}

#[test]
fn a_parameter_that_was_not_read_has_no_revision() {
    for parameter in [
        ParameterView::Absent,
        ParameterView::Unnameable,
        ParameterView::Unreadable(Error::OutOfTime),
    ] {
        assert_eq!(parameter.revision(), None, "{parameter:?}");
    }
}

#[test]
fn a_recreated_parameter_is_newer_than_the_deleted_one() {
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
fn the_state_of_a_written_key_has_these_members() {
    let read = read(&format!(r#"{{"current": {KEY}}}"#));
    let (ParameterView::Current(current), Some(key)) = (read.view, read.key) else {
        panic!()
    };
    let alice = UserName::parse("alice").unwrap();
    let written = SecretRecord::of_written(
        &alice,
        &current,
        &target("aws/iam-keys/alice"),
        (7, Some(at("2025-06-02T10:15:33.4Z"))),
        at("2025-06-02T10:15:33.5Z"),
    );
    insta::assert_json_snapshot!(written, @r#"
    {
      "userName": "alice",
      "lastSecretHash": "7fdebb79cdc0b06ca7a27b9b776aced64ca21fc823174b229c144c2f2bd0cafd",
      "lastSyncedAt": "2025-06-02T10:15:33.5Z",
      "accessKeyId": "AKIA00000CURRENT",
      "parameterVersion": 3,
      "parameterLastModified": "2025-06-02T10:15:30Z",
      "vaultVersion": 7,
      "vaultCreatedAt": "2025-06-02T10:15:33.4Z",
      "vaultPath": "secret/aws/iam-keys/alice",
      "vaultAddress": "https://vault.example.org:8200"
    }
    "#);
    let retired = SecretRecord {
        retired_at: Some(at("2025-06-09T00:00:00Z")),
        ..written.clone()
    };
    let json = serde_json::to_value(&retired).unwrap();
    assert_eq!(json["retiredAt"], "2025-06-09T00:00:00Z");
    assert_eq!(
        serde_json::from_value::<SecretRecord>(json).unwrap(),
        retired
    );

    let published = SecretRecord::of_secret(&alice, &key, 7, &here());
    assert_eq!(published.revision(), None, "the revision is unknown");
    let same = |state: &SecretRecord| {
        (
            state.last_secret_hash.clone(),
            state.access_key_id.clone(),
            state.vault_version,
        )
    };
    assert_eq!(same(&published), same(&written));
    assert!(published.is_at(&here()));
}

#[test]
fn a_state_of_the_legacy_service_is_read() {
    let state: SecretRecord = serde_json::from_value(legacy_state()).unwrap();
    assert_eq!(state.last_synced_at, at("2025-06-01T02:00:00.123Z"));
    assert_eq!(
        (state.revision(), state.vault_version, &state.vault_path),
        (None, None, &None)
    );
    assert_eq!(serde_json::to_value(&state).unwrap(), legacy_state());
}

#[test]
fn a_state_requires_the_legacy_members_and_no_others() {
    let with = |name: &str, value: Value| {
        let mut state = legacy_state();
        state[name] = value;
        serde_json::from_value::<SecretRecord>(state)
    };
    let plain: SecretRecord = serde_json::from_value(legacy_state()).unwrap();
    assert_eq!(with("addedLater", json!({ "a": [1] })).unwrap(), plain);
    for optional in [
        "accessKeyId",
        "parameterVersion",
        "parameterLastModified",
        "vaultVersion",
        "vaultCreatedAt",
        "vaultPath",
        "vaultAddress",
        "vaultNamespace",
        "retiredAt",
    ] {
        assert_eq!(with(optional, Value::Null).unwrap(), plain, "{optional}");
        assert!(with(optional, json!([])).is_err(), "{optional}");
    }
    for needed in ["userName", "lastSecretHash", "lastSyncedAt"] {
        let mut state = legacy_state();
        state.as_object_mut().unwrap().remove(needed).unwrap();
        assert!(
            serde_json::from_value::<SecretRecord>(state).is_err(),
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
fn a_state_that_is_not_a_json_object_is_damaged() {
    let good = legacy_state().to_string();
    for text in [good.clone(), format!(" \r\n\t{good}\n")] {
        assert_eq!(
            UserState::parse(text.as_bytes()),
            Some(UserState {
                records: vec![state(None, None, false)]
            }),
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
        null,
        null,
        null,
        null,
        null,
        []
    ]);
    assert!(
        serde_json::from_value::<SecretRecord>(members.clone()).is_ok(),
        "serde alone would accept it"
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
fn a_state_found_in_place_of_ours_is_resolved() {
    use Resolution::{Conflict, KeepTheirs, Overwrite};
    let (old, new) = (
        Some(("2025-06-01T00:00:00Z", 9)),
        Some(("2025-06-03T00:00:00Z", 1)),
    );
    let (written, retired) = (false, true);
    for ((their_revision, their_version), (revision, version, is_retired), expected) in [
        ((new, 2), (new, 2, written), KeepTheirs),
        ((new, 3), (new, 2, written), KeepTheirs),
        ((new, 3), (old, 2, written), KeepTheirs),
        ((new, 1), (new, 2, written), Overwrite),
        ((old, 1), (new, 2, written), Overwrite),
        ((new, 2), (new, 2, retired), Overwrite),
        // An older key at a newer version, and the reverse: Vault differs from both states.
        ((old, 3), (new, 2, written), Conflict),
        ((new, 2), (old, 3, written), Conflict),
        // A key was written after the one that is to be retired.
        ((new, 3), (old, 2, retired), Conflict),
        ((new, 3), (new, 2, retired), Conflict),
    ] {
        let theirs = state(their_revision, Some(their_version), false);
        let ours = state(revision, Some(version), is_retired);
        assert_eq!(theirs.resolve(&ours), expected, "{theirs:?} {ours:?}");
    }
    let (legacy, ours) = (state(None, None, false), state(new, Some(2), false));
    assert_eq!(legacy.resolve(&ours), Overwrite);
    // Two invocations removed the fields, each in a version of its own.
    let (theirs, ours) = (state(new, Some(4), true), state(new, Some(3), true));
    assert_eq!(theirs.resolve(&ours), KeepTheirs);
    assert_eq!(ours.resolve(&theirs), Overwrite);
}

#[test]
fn a_state_counts_only_at_its_recorded_path() {
    let of = |path: Option<&str>| SecretRecord {
        vault_path: path.map(str::to_owned),
        ..state(None, Some(1), false)
    };
    for (recorded, expected) in [
        (None, true),
        (Some("secret/aws/iam-keys/alice"), true),
        (Some("kv/aws/iam-keys/alice"), false),
        (Some("secret/aws/iam-keys/bob"), false),
        (Some("secret/aws/iam-keys/alice/"), false),
        (Some(""), false),
    ] {
        assert_eq!(of(recorded).is_at(&here()), expected, "{recorded:?}");
    }
}

#[test]
fn a_state_counts_only_on_its_recorded_server_and_in_its_namespace() {
    let on = |address: Option<&str>, namespace: Option<&str>| SecretRecord {
        vault_address: address.map(str::to_owned),
        vault_namespace: namespace.map(str::to_owned),
        ..state(None, Some(1), false)
    };
    let other = SecretLocation {
        path: VaultPath {
            namespace: Some("team".to_owned()),
            ..here().path
        },
        ..here()
    };
    let address = Some("https://vault.example.org:8200");
    for (recorded, in_root, in_team) in [
        // Version 0.1.0 recorded no server.
        (on(None, None), true, true),
        (on(address, None), true, false),
        (on(address, Some("team")), false, true),
        (on(Some("https://vault.example.org"), None), false, false),
    ] {
        let found = (recorded.is_at(&here()), recorded.is_at(&other));
        assert_eq!(found, (in_root, in_team), "{recorded:?}");
    }
}

#[test]
fn a_former_location_is_another_path_of_the_same_user() {
    let alice = UserName::parse("alice").unwrap();
    let former = |path: &str, address: Option<&str>| {
        let state = SecretRecord {
            vault_path: Some(path.to_owned()),
            vault_address: address.map(str::to_owned),
            ..state(None, Some(1), false)
        };
        let former = state.former_location(&here(), &alice);
        former.map(|location| location.path.to_string())
    };
    for path in ["secret/old/alice", "secret/a/b/c/alice"] {
        assert_eq!(former(path, None).as_deref(), Some(path));
    }
    for path in [
        "secret/aws/iam-keys/alice",
        "secret/aws/iam-keys/bob",
        "kv/old/alice",
        "secret/alice",
        "secret/../alice",
        "secret//alice",
        "secret/old/alice/",
        "secretold/alice",
        "",
    ] {
        assert_eq!(former(path, None), None, "{path}");
    }
    let elsewhere = former("secret/old/alice", Some("https://other.example.org"));
    assert_eq!(elsewhere, None, "another server");
}

#[test]
fn a_key_is_never_recorded_before_its_put() {
    let alice = UserName::parse("alice").unwrap();
    let ParameterView::Current(current) = read(&format!(r#"{{"current": {KEY}}}"#)).view else {
        panic!()
    };
    // The clock of the process is two hours behind.
    let now = current.revision.modified - SignedDuration::from_hours(2);
    let state = SecretRecord::of_written(
        &alice,
        &current,
        &target("aws/iam-keys/alice"),
        (7, None),
        now,
    );
    assert_eq!(state.last_synced_at, current.revision.modified);
}

#[test]
fn of_several_missed_rotations_the_first_counts() {
    let (day_1, day_3, day_9) = (
        "2025-06-01T00:00:00Z",
        "2025-06-03T00:00:00Z",
        "2025-06-09T00:00:00Z",
    );
    let recorded = |version| StateView::from(state(Some((day_1, version)), Some(1), false));
    let legacy = || StateView::from(state(None, None, false));
    for (read, state, expected) in [
        // One rotation is two puts.
        (Some((day_9, 3)), recorded(1), Some(day_9)),
        (Some((day_9, 4)), recorded(1), Some(day_3)),
        (Some((day_9, i64::MAX)), recorded(i64::MAX), Some(day_9)),
        // The parameter was put earlier than the rotation was due.
        (Some((day_1, 9)), recorded(1), Some(day_1)),
        (Some((day_9, 9)), legacy(), Some(day_9)),
        (Some((day_9, 9)), StateView::Absent, Some(day_9)),
        (None, recorded(1), None),
    ] {
        let revision = read.map(|(modified, version)| Revision {
            modified: at(modified),
            version,
        });
        let parameter = revision.map_or(ParameterView::Absent, |revision| {
            ParameterView::WithoutCurrent { revision }
        });
        let snapshot = Snapshot {
            parameter,
            state,
            ..crate::testing::results::snapshot(None)
        };
        assert_eq!(snapshot.outdated_since(), expected.map(at), "{snapshot:?}");
    }
}

#[test]
fn a_state_with_impossible_dates_or_another_name_is_not_plausible() {
    let alice = UserName::parse("alice").unwrap();
    let now = at("2026-01-10T12:00:00Z");
    let is_plausible = |name: &str, synced: &str, modified: Option<&str>| {
        let state = SecretRecord {
            user_name: name.to_owned(),
            last_synced_at: at(synced),
            ..state(modified.map(|modified| (modified, 3)), Some(1), false)
        };
        state.is_plausible(&alice, now, SignedDuration::from_mins(10))
    };
    let (before, soon, later) = (
        "2026-01-10T11:00:00Z",
        "2026-01-10T12:10:00Z",
        "2026-01-10T12:10:01Z",
    );
    assert!(is_plausible("alice", before, Some(before)));
    assert!(is_plausible("alice", before, None));
    assert!(is_plausible("alice", soon, Some(soon)));
    assert!(!is_plausible("bob", before, Some(before)));
    assert!(!is_plausible("alice", later, Some(before)));
    assert!(
        !is_plausible("alice", before, Some("2026-01-10T11:10:01Z")),
        "put after its write"
    );
}

#[test]
fn a_state_with_too_many_records_is_damaged() {
    let with = |count: usize, padding: usize| {
        let records = (0..count).map(|n| {
            format!(
                r#"{{"userName":"alice","lastSecretHash":"","lastSyncedAt":"2025-06-01T02:00:00Z","vaultPath":"k/{n}{}"}}"#,
                "x".repeat(padding)
            )
        });
        let records = records.collect::<Vec<_>>().join(",");
        UserState::parse(format!(r#"{{"targets":[{records}]}}"#).as_bytes()).is_some()
    };
    assert!(with(500, 0));
    assert!(!with(501, 0));
    assert!(!with(1, 1024 * 1024));
}
