use super::*;
use crate::keys::AccessKey;
use crate::plan::Reason;
use crate::snapshot::Revision;
use crate::status::LastSync;

const NOW: &str = "2026-01-10T12:00:00Z";

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn config(basic: bool) -> Config {
    Config::read(|name| {
        let mode = if basic {
            "VAULT_TOKEN"
        } else {
            "S3_BUCKET_NAME"
        };
        match name {
            "VAULT_ADDR" => Some("https://vault.example.org".to_owned()),
            name => (name == mode).then(|| "x".to_owned()),
        }
    })
    .unwrap()
}

fn state() -> UserState {
    let (user, id) = (UserName::parse("alice").unwrap(), "AKIAOLD1".to_owned());
    let key = AccessKey::new(id, "secret".to_owned().into()).unwrap();
    let published = UserState::of_published(&user, &key, 6, &config(false).vault.path_of(&user));
    UserState {
        last_synced_at: at("2026-01-08T12:00:00Z"),
        parameter_version: Some(11),
        ..published
    }
}

fn seen() -> Sighting {
    let revision = Revision {
        modified: at("2026-01-10T02:00:00Z"),
        version: 12,
    };
    Sighting {
        parameter: Held::Key {
            id: "AKIANEW2".to_owned(),
            revision,
        },
        state: Some(state()),
        vault: VaultView::At {
            version: 6,
            readable: true,
        },
        roster: RosterView::Unknown,
        reason: Reason::Rotated,
    }
}

fn row(condition: Condition, reason: &Reason, hours_left: Option<f64>) -> Row {
    Row {
        user: "alice".to_owned(),
        condition,
        reason: reason.to_string(),
        last_sync: LastSync {
            outcome: SyncOutcome::Written,
            at: None,
        },
        rotated_at: None,
        key_age_hours: None,
        hours_left,
        access_key_id_ends_with: Some("NEW2".to_owned()),
        parameter_version: None,
        recorded_version: None,
        vault_version: None,
    }
}

fn told(
    config: &Config,
    row: Row,
    seen: Option<&Sighting>,
    last_run: Option<&ReconcileRecord>,
) -> String {
    let Explanation { story, advice, .. } = explain(config, row, seen, Ok(last_run), at(NOW));
    let story = story
        .into_iter()
        .map(|paragraph| format!("{}: {}\n", paragraph.about, paragraph.text));
    story.chain([format!("advice: {advice}")]).collect()
}

#[test]
fn a_user_who_is_behind_has_a_story_with_a_deadline() {
    let row = row(Condition::Behind, &Reason::Rotated, Some(38.0));
    insta::assert_snapshot!(told(&config(false), row, Some(&seen()), None), @r#"
    parameter: /iam_users/alice_keys holds the key …NEW2 in its version 12, put 10 h ago (2026-01-10 02:00:00 UTC).
    record: The key …OLD1 was written to Vault as version 6 from the parameter's version 11, 48 h ago (2026-01-08 12:00:00 UTC).
    Vault: secret/aws/iam-keys/alice is at version 6, as recorded.
    last sweep: No sweep is recorded yet.
    time left: The key in Vault is deleted in about 38 h.
    plan: A sync would write the current key to Vault: rotated: the parameter holds a newer key.
    advice: Run `keysync sync alice` to write it now. If events should have done that, look at the function's log and at the dead-letter queue.
    "#);
}

#[test]
fn a_user_of_whom_nothing_could_be_seen_has_the_error_for_a_story() {
    let failed =
        Reason::NotRead("reading the parameter /iam_users/alice_keys: denied; allow it".to_owned());
    let run = ReconcileRecord {
        started_at: at("2026-01-10T11:00:00Z"),
        finished_at: Some(at("2026-01-10T11:01:00Z")),
        trigger: "reconcile".to_owned(),
        counts: std::collections::BTreeMap::new(),
        failed_users: vec!["alice".to_owned()],
        unlisted: false,
        claimed_until: None,
        request_id: None,
    };
    let mut row = row(Condition::Failed, &failed, None);
    row.last_sync.outcome = SyncOutcome::Failed;
    insta::assert_snapshot!(told(&config(false), row, None, Some(&run)), @r#"
    last sweep: The last sweep ended 59 min ago (2026-01-10 11:01:00 UTC); this user was left over.
    plan: A sync would fail: reading the parameter /iam_users/alice_keys: denied; allow it.
    advice: Mend what the reason names, then run this again.
    "#);
}

#[test]
fn the_basic_mode_has_no_record_to_tell_of() {
    let mut seen = seen();
    seen.state = None;
    seen.vault = VaultView::Absent;
    let row = row(Condition::New, &Reason::New, None);
    insta::assert_snapshot!(told(&config(true), row, Some(&seen), None), @r#"
    parameter: /iam_users/alice_keys holds the key …NEW2 in its version 12, put 10 h ago (2026-01-10 02:00:00 UTC).
    record: In basic mode nothing is recorded, and Vault holds no key that could be compared.
    Vault: There is nothing at secret/aws/iam-keys/alice.
    last sweep: In basic mode sweeps are not recorded.
    plan: A sync would write the current key to Vault: new: no key of this user was recorded.
    advice: Run `keysync sync alice` to write it now. If events should have done that, look at the function's log and at the dead-letter queue.
    "#);
}

#[test]
fn what_each_side_can_hold_is_a_sentence() {
    let mut seen = seen();
    let revision = Revision {
        modified: at("2026-01-10T02:00:00Z"),
        version: 12,
    };
    let state = state();
    let views = [
        VaultView::At {
            version: 7,
            readable: true,
        },
        VaultView::At {
            version: 6,
            readable: false,
        },
        VaultView::Absent,
        VaultView::NotRead,
        VaultView::Hidden { refused: None },
    ];
    let mut sentences = Vec::new();
    for view in views {
        seen.vault = view;
        sentences.push(vault("secret/aws/iam-keys/alice", &seen));
    }
    let problem = "it has no current key".to_owned();
    for held in [
        Held::Nothing { revision, problem },
        Held::Absent,
        Held::Unknown,
    ] {
        seen.parameter = held;
        sentences.push(parameter("/iam_users/alice_keys", &seen, at(NOW)));
        seen.roster = RosterView::NotListed;
        sentences.extend(roster(&seen).map(str::to_owned));
        seen.roster = RosterView::Unknown;
        sentences.extend(roster(&seen).map(str::to_owned));
    }
    let legacies = UserState {
        parameter_version: None,
        vault_version: None,
        access_key_id: None,
        ..state.clone()
    };
    sentences.push(record(&config(false), Some(&legacies), at(NOW)));
    let retired = UserState {
        retired_at: Some(at("2026-01-09T12:00:00Z")),
        ..state.clone()
    };
    sentences.push(record(&config(false), Some(&retired), at(NOW)));
    sentences.push(record(&config(true), Some(&state), at(NOW)));
    insta::assert_snapshot!(sentences.join("\n"), @r#"
    secret/aws/iam-keys/alice is at version 7, but 6 is recorded.
    secret/aws/iam-keys/alice is at version 6, which is deleted or destroyed.
    There is nothing at secret/aws/iam-keys/alice.
    secret/aws/iam-keys/alice was not looked at.
    The token may not read the metadata of secret/aws/iam-keys/alice, so it is not known at which version it is.
    /iam_users/alice_keys is at version 12, put 10 h ago (2026-01-10 02:00:00 UTC), but it has no current key.
    The user is not on the platform's roster.
    There is no parameter /iam_users/alice_keys in this account and Region.
    The user is not on the platform's roster.
    There is no roster to ask whether the user was removed.
    /iam_users/alice_keys could not be read.
    The user is not on the platform's roster.
    A key was written to Vault by the legacy of this service, 48 h ago (2026-01-08 12:00:00 UTC).
    The key …OLD1 was written to Vault as version 6 from the parameter's version 11, 48 h ago (2026-01-08 12:00:00 UTC). The user was retired 24 h ago (2026-01-09 12:00:00 UTC).
    The key …OLD1 is in Vault as version 6; in basic mode nothing else is recorded.
    "#);
}

#[test]
fn there_is_advice_for_every_condition() {
    let conditions = [
        Condition::InStep,
        Condition::Retired,
        Condition::New,
        Condition::Behind,
        Condition::Drift,
        Condition::Moved,
        Condition::CameBack,
        Condition::Held,
        Condition::Superseded,
        Condition::Missing,
        Condition::Gone,
        Condition::Failed,
    ];
    let all = conditions.map(|condition| {
        let row = row(condition, &Reason::InStep, None);
        format!(
            "{}: {} | {}",
            condition.as_str(),
            planned(&row),
            advice(&row)
        )
    });
    insta::assert_snapshot!(all.join("\n"), @r#"
    in step: Nothing is to be done: Vault holds the current key. | If an application is refused all the same, it uses another key than …NEW2: let it read Vault again.
    retired: Nothing is to be done: Vault holds the current key. | There is nothing to do.
    new: A sync would write the current key to Vault: Vault holds the current key. | Run `keysync sync alice` to write it now. If events should have done that, look at the function's log and at the dead-letter queue.
    behind: A sync would write the current key to Vault: Vault holds the current key. | Run `keysync sync alice` to write it now. If events should have done that, look at the function's log and at the dead-letter queue.
    drift: A sync would write the current key to Vault: Vault holds the current key. | Run `keysync sync alice` to repair it now; the nightly sweep does so too. Vault's audit log tells who changed it.
    moved: A sync would write the current key to Vault: Vault holds the current key. | Run `keysync sync alice` to write it now. If events should have done that, look at the function's log and at the dead-letter queue.
    came back: A sync would write the current key to Vault: Vault holds the current key. | Run `keysync sync alice` to write it now. If events should have done that, look at the function's log and at the dead-letter queue.
    held: A sync would leave Vault as it is: Vault holds the current key. | A rotation is under way, and the new key normally follows within seconds. If this lasts for an hour, ask the platform team why the user gets no new key.
    superseded: Nothing is to be done: Vault holds the current key. | Run `keysync explain alice` again in a minute.
    missing: A sync would leave Vault as it is: Vault holds the current key. | Check the user's name, the Region and SSM_PARAMETER_PREFIX; if they are right, ask the platform team why the user has no parameter.
    gone: A sync would record that the user is gone: Vault holds the current key. | Run `keysync reconcile --user alice` to record it now; the nightly sweep does so too.
    failed: A sync would fail: Vault holds the current key. | Mend what the reason names, then run this again.
    "#);
}
