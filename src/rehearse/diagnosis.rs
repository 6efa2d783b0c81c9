//! Finds out why a key does not arrive: reads the event source mappings and runs the function's
//! self-test. If both work, the rule is at fault.

use std::time::Duration;

use super::Rehearse;
use super::mapping::of_mappings;
use super::stage::Stage;
use crate::backends::{EventPath, FunctionCheck, Mapping};
use crate::doctor::CheckStatus;
use crate::error::Error;

const RULE: &str = "rule";
const FUNCTION: &str = "function";
const NETWORK: &str = "network";
const TOKEN: &str = "token";

/// The shortest wait after which a missing event proves something: the default delay of the queue,
/// and as much again for the event and the function.
const MIN_CONCLUSIVE_WAIT: Duration = Duration::from_secs(30);

/// The remedy if it is unknown which part of the path does not work.
const ALL_PARTS: &str = "check in this order: the EventBridge rule is enabled and matches the \
    parameter's name; the queue's policy lets the rule send; the event source mapping is enabled; \
    the function reaches Vault; its token is valid. `keysync rehearse --function NAME` finds out \
    which";

/// Returns the parts of the path that do not work, with their remedies; what works passes.
pub(super) async fn diagnose(path: &impl EventPath, order: &Rehearse) -> Vec<Stage> {
    let Some(function) = order.function.as_deref() else {
        let detail = "it is unknown which part does not work";
        return vec![Stage::fail("event path", detail, ALL_PARTS)];
    };
    let (mappings, checks) = tokio::join!(path.mappings(function), path.self_test(function));
    findings(mappings, checks, order.wait)
}

/// Returns what the function cannot do, by its self-test.
pub(super) async fn failed_checks(path: &impl EventPath, order: &Rehearse) -> Vec<Stage> {
    let Some(function) = order.function.as_deref() else {
        return Vec::new();
    };
    let mut stages = of_checks(path.self_test(function).await);
    stages.retain(|stage| stage.status != CheckStatus::Pass);
    stages
}

fn findings(
    mappings: Result<Vec<Mapping>, Error>,
    checks: Result<Vec<FunctionCheck>, Error>,
    wait: Duration,
) -> Vec<Stage> {
    let mut stages = match mappings {
        Ok(mappings) => of_mappings(&mappings),
        Err(error) => vec![unknown("mapping", &error)],
    };
    stages.extend(of_checks(checks));
    if stages.iter().all(|stage| stage.status == CheckStatus::Pass) {
        stages.insert(0, of_rule(wait));
    }
    stages
}

/// Returns what follows for the rule if all other parts work.
fn of_rule(wait: Duration) -> Stage {
    if wait < MIN_CONCLUSIVE_WAIT {
        let detail = format!(
            "unknown: the mapping and the function work, but the queue delays each event (15 s by \
             default), so a wait of {} s proves nothing",
            wait.as_secs()
        );
        let remedy =
            "repeat the rehearsal with --wait 60, or more if queue_delay_seconds is larger";
        return Stage::warn(RULE, detail, remedy);
    }
    Stage::fail(
        RULE,
        "the mapping and the function work, so no event has reached the queue, unless the queue's \
         delay is longer than --wait or S3_BUCKET_NAME is not that of the function",
        "check that the EventBridge rule is enabled, that its pattern matches the parameter's name \
         (SSM_PARAMETER_PREFIX, SSM_PARAMETER_SUFFIX), and that the queue's policy lets the rule \
         send; deploy the stack again",
    )
}

fn of_checks(checks: Result<Vec<FunctionCheck>, Error>) -> Vec<Stage> {
    let checks = match checks {
        Ok(checks) => checks,
        Err(error) => return vec![unknown(FUNCTION, &error)],
    };
    let failed = checks.iter().filter(|check| check.status == "fail");
    let stages = failed.map(|check| {
        let remedy = check.remedy.as_deref();
        let remedy = remedy.unwrap_or("read the function's log");
        let detail = format!("{}: {}", check.name, check.detail);
        Stage::fail(part(&check.name), detail, remedy)
    });
    let stages = stages.collect::<Vec<_>>();
    if stages.is_empty() {
        return vec![Stage::pass(FUNCTION, "the function's self-test passes")];
    }
    stages
}

/// Returns the part of the path that a check of the self-test is about.
fn part(check: &str) -> &'static str {
    match check {
        "vault-name" | "vault-connection" | "vault-tls" | "vault-health" => NETWORK,
        name if name.contains("token") || name.starts_with("policy") => TOKEN,
        _ => FUNCTION,
    }
}

fn unknown(name: &'static str, error: &Error) -> Stage {
    let remedy = error.remedy().unwrap_or("repeat the rehearsal");
    Stage::warn(name, error.without_remedy(), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(state: &str, last_result: &str) -> Vec<Mapping> {
        vec![Mapping {
            source: "q".to_owned(),
            state: state.to_owned(),
            last_result: last_result.to_owned(),
        }]
    }

    fn checks(failed: &[&str]) -> Vec<FunctionCheck> {
        let check = |name: &str, status: &str| FunctionCheck {
            name: name.to_owned(),
            status: status.to_owned(),
            detail: "d".to_owned(),
            remedy: None,
        };
        let failed = failed.iter().map(|name| check(name, "fail"));
        failed.chain([check("configuration", "pass")]).collect()
    }

    #[test]
    fn each_part_that_does_not_work_is_named() {
        let denied = || Error::denied("asking", "f", "allow it");
        for (mappings, checks, expected) in [
            (Ok(mapping("Enabled", "OK")), Ok(checks(&[])), &["rule"][..]),
            (Ok(mapping("Disabled", "")), Ok(checks(&[])), &["mapping"]),
            (Ok(Vec::new()), Ok(checks(&[])), &["mapping"]),
            (
                Ok(mapping("Enabled", "PROBLEM: denied")),
                Ok(checks(&[])),
                &["mapping"],
            ),
            (
                Ok(mapping("Enabled", "OK")),
                Ok(checks(&["vault-connection"])),
                &["network"],
            ),
            (
                Ok(mapping("Enabled", "OK")),
                Ok(checks(&["vault-token", "parameters"])),
                &["token", "function"],
            ),
            (Err(denied()), Err(denied()), &[]),
            (Err(denied()), Ok(checks(&["policy-write"])), &["token"]),
        ] {
            let stages = findings(mappings, checks, MIN_CONCLUSIVE_WAIT);
            let failed = stages
                .iter()
                .filter(|stage| stage.status == CheckStatus::Fail);
            let failed = failed.map(|stage| stage.name).collect::<Vec<_>>();
            assert_eq!(failed, expected, "{stages:?}");
        }
    }

    #[test]
    fn a_wait_below_the_queues_delay_proves_nothing() {
        let wait = Duration::from_secs(29);
        let stages = findings(Ok(mapping("Enabled", "OK")), Ok(checks(&[])), wait);
        let rule = (stages[0].name, stages[0].status);
        assert_eq!(rule, (RULE, CheckStatus::Warn), "{stages:?}");
        let disabled = findings(Ok(mapping("Disabled", "")), Ok(checks(&[])), wait);
        assert_eq!(disabled[0].name, "mapping", "{disabled:?}");
    }
}
