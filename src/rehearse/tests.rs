//! Rehearsals in memory, with faults and with other writers.

use jiff::Timestamp;

use super::*;
use crate::backends::{FunctionCheck, Mapping};
use crate::doctor::CheckStatus::{Fail, Pass};
use crate::keys::AccessKey;
use crate::snapshot::{KeyIds, Revision, SecretRecord};
use crate::testing::memory::{Inner, Memory, fault::CallFault, state_of, throttled, value};
use crate::testing::results;

const USER: &str = "u";
const NAME: &str = "/iam_users/u_keys";
const OTHER: &str = "AKIA000000OTHERUSER1";

/// A function that works; its self-test cancels the rehearsal and never ends, if that is asked for.
#[derive(Default)]
struct Function {
    hangs: Option<(CancellationToken, Memory)>,
}

impl EventPath for Function {
    async fn mappings(&self, _: &str) -> Result<Vec<Mapping>, Error> {
        Ok(vec![Mapping {
            source: "q".to_owned(),
            state: "Enabled".to_owned(),
            last_result: "OK".to_owned(),
        }])
    }

    async fn self_test(&self, _: &str) -> Result<Vec<FunctionCheck>, Error> {
        if let Some((cancel, memory)) = &self.hangs {
            assert_eq!(holder(memory), None, "deleted before the self-test");
            cancel.cancel();
            std::future::pending::<()>().await;
        }
        Ok(Vec::new())
    }
}

/// Returns the id of the key that the parameter holds.
fn holder(memory: &Memory) -> Option<String> {
    let inner = memory.inner();
    id_of(&inner)
}

fn id_of(inner: &Inner) -> Option<String> {
    let (value, revision) = inner.parameters.get(NAME)?;
    let ids = KeyIds::parse(&value.as_str().into(), revision.modified);
    ids.current.or(ids.pending)
}

/// Puts the parameter as the platform does for a user with this name.
fn put_other(inner: &mut Inner) {
    let revision = Revision {
        modified: Timestamp::now(),
        version: 1,
    };
    let put = (value(OTHER), revision);
    inner.parameters.insert(NAME.to_owned(), put);
}

/// Records the key of the rehearsal at this path, as the function does.
fn record(inner: &mut Inner, path: &str) {
    let id = id_of(inner).unwrap();
    let user = UserName::parse(USER).unwrap();
    let key = AccessKey::new(id, "secret-of-the-test-key".into()).unwrap();
    let record = SecretRecord::of_secret(&user, &key, 1, &results::location(path));
    inner.states.insert(USER.to_owned(), (state_of(record), 1));
}

async fn rehearsal(memory: &Memory, function: &Function, cancel: &CancellationToken) -> Rehearsal {
    let order = Rehearse {
        user: UserName::parse(USER).unwrap(),
        wait: Duration::from_mins(1),
        function: Some("f".to_owned()),
    };
    let ctx = memory.ctx(&[]);
    let rehearsal = rehearse(&ctx, function, &order, cancel, |_| {});
    let rehearsal = tokio::time::timeout(Duration::from_hours(1), rehearsal).await;
    rehearsal.expect("the rehearsal ends").unwrap()
}

/// Runs a rehearsal; returns the names of the stages that failed, and the text of the last one.
async fn failed(memory: &Memory) -> (Vec<&'static str>, String) {
    let never = CancellationToken::new();
    let rehearsal = rehearsal(memory, &Function::default(), &never).await;
    let failed = rehearsal.stages.iter();
    let failed = failed.filter(|stage| stage.status == Fail);
    let failed = failed.collect::<Vec<_>>();
    let text = failed.last().map(|stage| stage.detail.clone());
    let names = failed.iter().map(|stage| stage.name).collect();
    (names, text.unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn parameter_of_another_user_is_left_by_each_stage() {
    // The key ids are read before the second put, and before the deletion or the clean-up.
    for (reads_before, expected) in [
        (0, &["second put"][..]),
        (1, &["event path", "cleanup", "rule"]),
    ] {
        let memory = Memory::default();
        for _ in 0..reads_before {
            memory.before_call("ssm-ids", |_| {});
        }
        memory.before_call("ssm-ids", put_other);
        let (failed, _) = failed(&memory).await;
        assert_eq!(failed, expected);
        assert_eq!(holder(&memory).as_deref(), Some(OTHER), "{expected:?}");
    }
    let memory = Memory::default();
    // The first one is that of the preflight check.
    memory.before_call("vault-metadata", |_| {});
    memory.before_call("vault-metadata", |inner| {
        record(inner, "aws/iam-keys/u");
        let path = "secret/aws/iam-keys/u";
        inner.push_version(path, std::collections::BTreeMap::new());
    });
    memory.before_call("ssm-ids", |_| {});
    memory.before_call("ssm-ids", put_other);
    let (failed, text) = failed(&memory).await;
    assert_eq!(failed, ["deletion"]);
    assert!(
        text.ends_with("is another user's by now; it was left"),
        "{text}"
    );
    assert_eq!(holder(&memory).as_deref(), Some(OTHER));
}

#[tokio::test(start_paused = true)]
async fn parameter_that_appears_before_the_first_put_is_left() {
    for throttled_reads in 0..=2 {
        let memory = Memory::default();
        memory.before_call("ssm-create", put_other);
        memory.fail("ssm-ids", throttled_reads, throttled);
        let (failed, text) = failed(&memory).await;
        assert_eq!(failed[0], "first put", "{text}");
        assert_eq!(holder(&memory).as_deref(), Some(OTHER));
        assert_eq!(memory.calls("ssm-delete"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn own_parameter_is_deleted_although_answers_are_lost() {
    for call in ["ssm-create", "ssm-replace", "ssm-delete"] {
        let probe = Memory::default();
        failed(&probe).await;
        let calls = probe.inner().calls.clone();
        let number = calls.iter().position(|made| made.starts_with(call));
        let memory = Memory::default();
        let fault = CallFault::AnswerIsLost(throttled);
        memory.inner().call_faults.insert(number.unwrap(), fault);
        failed(&memory).await;
        assert_eq!(holder(&memory), None, "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn interrupt_ends_a_diagnosis() {
    let (memory, cancel) = (Memory::default(), CancellationToken::new());
    let function = Function {
        hangs: Some((cancel.clone(), memory.clone())),
    };
    let rehearsal = rehearsal(&memory, &function, &cancel).await;
    let stages = rehearsal.stages.iter();
    let stages = stages.map(|stage| (stage.name, stage.status));
    let last = stages.skip(2).collect::<Vec<_>>();
    assert_eq!(
        last,
        [("event path", Fail), ("cleanup", Pass), ("diagnosis", Fail)]
    );
}

#[tokio::test(start_paused = true)]
async fn other_settings_than_those_of_the_function_are_named() {
    let memory = Memory::default();
    memory.before_call("vault-metadata", |_| {});
    memory.before_call("vault-metadata", |inner| record(inner, "elsewhere/u"));
    let (failed, text) = failed(&memory).await;
    assert_eq!(failed, ["event path", "settings"]);
    assert!(
        text.starts_with("the function wrote secret/elsewhere/u at https://"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn user_of_a_removed_target_is_refused() {
    let memory = Memory::default();
    let user = UserName::parse(USER).unwrap();
    let key = AccessKey::new(OTHER.to_owned(), "secret-of-the-test-key".into()).unwrap();
    let at = |path: &str| SecretRecord::of_secret(&user, &key, 1, &results::location(path));
    let mut state = state_of(at("removed/one"));
    state.records.push(at("removed/two"));
    memory.inner().states.insert(USER.to_owned(), (state, 1));
    let order = Rehearse {
        user: user.clone(),
        wait: Duration::ZERO,
        function: None,
    };
    let (ctx, cancel) = (memory.ctx(&[]), CancellationToken::new());
    let refused = rehearse(&ctx, &Function::default(), &order, &cancel, |_| {}).await;
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("the state records a key"), "{error}");
    assert_eq!(memory.calls("ssm-create"), 0);
}
