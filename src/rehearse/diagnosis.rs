//! Why a key does not arrive: asks Lambda for the event source mapping, and the function for its
//! self-test. What both leave over is the rule.

use super::stage::Stage;
use crate::backends::{EventPath, FunctionCheck, Mapping};
use crate::doctor::CheckStatus;
use crate::error::Error;

const RULE: &str = "rule";
const MAPPING: &str = "mapping";
const FUNCTION: &str = "function";
const NETWORK: &str = "network";
const TOKEN: &str = "token";

/// The remedy if it is unknown which part of the path does not work.
const ALL_PARTS: &str = "check in this order: the EventBridge rule is enabled and matches the \
    parameter's name; the queue's policy lets the rule send; the event source mapping is enabled; \
    the function reaches Vault; its token is valid. `keysync rehearse --function NAME` finds out \
    which";

/// Returns the parts of the path that do not work, with their remedies; what works passes.
pub(super) async fn diagnose(path: &impl EventPath, function: Option<&str>) -> Vec<Stage> {
    let Some(function) = function else {
        let detail = "it is unknown which part does not work";
        return vec![Stage::fail("event path", detail, ALL_PARTS)];
    };
    let (mappings, checks) = tokio::join!(path.mappings(function), path.self_test(function));
    findings(mappings, checks)
}

/// Returns what the function cannot do, by its self-test.
pub(super) async fn failed_checks(path: &impl EventPath, function: Option<&str>) -> Vec<Stage> {
    let Some(function) = function else {
        return Vec::new();
    };
    let mut stages = of_checks(path.self_test(function).await);
    stages.retain(|stage| stage.status != CheckStatus::Pass);
    stages
}

fn findings(
    mappings: Result<Vec<Mapping>, Error>,
    checks: Result<Vec<FunctionCheck>, Error>,
) -> Vec<Stage> {
    let mut stages = vec![of_mappings(mappings)];
    stages.extend(of_checks(checks));
    if stages.iter().all(|stage| stage.status == CheckStatus::Pass) {
        stages.insert(
            0,
            Stage::fail(
                RULE,
                "the mapping and the function work, so no event has reached the queue",
                "check that the EventBridge rule is enabled, that its pattern matches the \
                 parameter's name (SSM_PARAMETER_PREFIX, SSM_PARAMETER_SUFFIX), and that the \
                 queue's policy lets the rule send; deploy the stack again",
            ),
        );
    }
    stages
}

fn of_mappings(mappings: Result<Vec<Mapping>, Error>) -> Stage {
    let mappings = match mappings {
        Ok(mappings) => mappings,
        Err(error) => return unknown(MAPPING, &error),
    };
    let Some(mapping) = mappings.first() else {
        let remedy = "deploy the stack again, or check that --function names its function";
        return Stage::fail(MAPPING, "the function has no event source mapping", remedy);
    };
    let Mapping { state, last_result } = mapping;
    if state != "Enabled" {
        let remedy = "enable it: deploy the stack again with enabled=true";
        return Stage::fail(
            MAPPING,
            format!("the event source mapping is {state}"),
            remedy,
        );
    }
    if last_result.starts_with("PROBLEM") {
        let remedy = "allow the function's role to receive and delete messages of the queue, and to \
            decrypt with its key";
        return Stage::fail(
            MAPPING,
            format!("its last poll failed: {last_result}"),
            remedy,
        );
    }
    Stage::pass(MAPPING, "the event source mapping is enabled")
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
            let stages = findings(mappings, checks);
            let failed = stages
                .iter()
                .filter(|stage| stage.status == CheckStatus::Fail);
            let failed = failed.map(|stage| stage.name).collect::<Vec<_>>();
            assert_eq!(failed, expected, "{stages:?}");
        }
    }
}
