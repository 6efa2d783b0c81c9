//! Whether the event source mappings of the function pass on the messages of its queue. Pure.

use super::stage::Stage;
use crate::backends::Mapping;

const MAPPING: &str = "mapping";

/// Returns a stage for each mapping that does not work, or one that passes. Which of several queues
/// is that of the service is unknown: if another mapping works, the stage is a warning.
pub(super) fn of_mappings(mappings: &[Mapping]) -> Vec<Stage> {
    if mappings.is_empty() {
        let remedy = "deploy the stack again, or check that --function names its function";
        let detail = "the function has no event source mapping";
        return vec![Stage::fail(MAPPING, detail, remedy)];
    }
    let problems = mappings.iter().filter_map(problem);
    let problems = problems.collect::<Vec<_>>();
    if problems.is_empty() {
        return vec![Stage::pass(MAPPING, "the event source mapping is enabled")];
    }
    let stage = if problems.len() == mappings.len() {
        Stage::fail
    } else {
        Stage::warn
    };
    let stages = problems.into_iter();
    let stages = stages.map(|(detail, remedy)| stage(MAPPING, detail, remedy));
    stages.collect()
}

/// Returns why a mapping does not work, and the remedy.
fn problem(mapping: &Mapping) -> Option<(String, &'static str)> {
    let Mapping {
        source,
        state,
        last_result,
    } = mapping;
    if state != "Enabled" {
        let detail = format!("the event source mapping of {source} is {state}");
        return Some((
            detail,
            "enable it: deploy the stack again with enabled=true",
        ));
    }
    let remedy = "allow the function's role to receive and delete messages of the queue, and to \
        decrypt with its key";
    let has_failed = last_result.starts_with("PROBLEM");
    has_failed.then(|| {
        let detail = format!("the last poll of {source} failed: {last_result}");
        (detail, remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::CheckStatus::{self, Fail, Pass, Warn};

    fn of(mappings: &[(&str, &str)]) -> Vec<CheckStatus> {
        let mappings = mappings.iter().map(|(state, last_result)| Mapping {
            source: "q".to_owned(),
            state: (*state).to_owned(),
            last_result: (*last_result).to_owned(),
        });
        let stages = of_mappings(&mappings.collect::<Vec<_>>());
        stages.into_iter().map(|stage| stage.status).collect()
    }

    #[test]
    fn all_mappings_are_looked_at() {
        let (enabled, disabled) = (("Enabled", "OK"), ("Disabled", ""));
        let broken = ("Enabled", "PROBLEM: denied");
        for (mappings, expected) in [
            (&[][..], &[Fail][..]),
            (&[enabled], &[Pass]),
            (&[enabled, enabled], &[Pass]),
            (&[disabled], &[Fail]),
            (&[enabled, disabled], &[Warn]),
            (&[disabled, enabled, broken], &[Warn, Warn]),
            (&[broken, disabled], &[Fail, Fail]),
        ] {
            assert_eq!(of(mappings), expected, "{mappings:?}");
        }
    }
}
