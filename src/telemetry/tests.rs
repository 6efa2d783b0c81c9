use serde_json::{Value, json};

use super::*;
use crate::plan::Reason;
use crate::snapshot::Event;
use crate::testing::results::{result, snapshot};

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn now() -> Timestamp {
    at("2025-06-02T12:00:00Z")
}

fn metrics() -> Metrics {
    Metrics::new("iam-key-sync", "request-1")
}

/// Creates a result whose parameter was put then.
fn put_at(outcome: Outcome, modified: Option<&str>) -> SyncResult {
    SyncResult {
        snapshot: snapshot(modified),
        ..result("sentinel-user", outcome)
    }
}

/// Creates the result of a write at `written`, which an event triggered.
fn written_after(event: Option<&str>, written: Option<&str>) -> SyncResult {
    let mut result = result("sentinel-user", Outcome::Written);
    let event = event.map(|time| Event {
        time: Some(at(time)),
        deleted: false,
    });
    result.snapshot.event = event;
    match written {
        Some(written) => result.written.as_mut().unwrap().0.at = at(written),
        None => result.written = None,
    }
    result
}

/// The line as JSON, after a look whether CloudWatch would take it.
fn parsed(metrics: &Metrics) -> Value {
    let line = metrics.to_line();
    assert!(
        line.ends_with('\n') && line.trim_end().lines().count() == 1,
        "{line:?}"
    );
    let emf: Value = serde_json::from_str(&line).unwrap();
    assert!(emf["_aws"]["Timestamp"].is_u64(), "{line}");
    for directive in emf["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        assert_eq!(
            (&directive["Namespace"], &directive["Dimensions"]),
            (&json!("IamKeySync"), &json!([["Function"]]))
        );
        assert!(emf["Function"].is_string(), "{line}");
        for metric in directive["Metrics"].as_array().unwrap() {
            let value = &emf[metric["Name"].as_str().unwrap()];
            assert!(
                value.is_number() || value["Values"].is_array(),
                "{metric} of {line}"
            );
        }
    }
    emf
}

#[test]
fn an_invocation_is_one_line_of_embedded_metrics() {
    let mut metrics = metrics();
    let written = written_after(Some("2025-06-02T11:59:00Z"), Some("2025-06-02T11:59:01.5Z"));
    metrics.count(&written, now());
    metrics.count(&put_at(Outcome::Held, Some("2025-06-02T06:00:00Z")), now());
    metrics.bad_events += 1;
    metrics.count_reconcile(Some(2), false);
    metrics.vault_token_hours_left = Some(18.5);
    metrics.set_duration(Duration::from_millis(2450));
    let emf = parsed(&metrics);
    let told = emf["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|metric| {
            let name = metric["Name"].as_str().unwrap();
            format!(
                "{name} = {} {}",
                emf[name],
                metric["Unit"].as_str().unwrap_or("(no unit)")
            )
        });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @"
    Written = 1 (no unit)
    Unchanged = 0 (no unit)
    Held = 1 (no unit)
    Superseded = 0 (no unit)
    Retired = 0 (no unit)
    Missing = 0 (no unit)
    Failed = 0 (no unit)
    BadEvents = 1 (no unit)
    DriftRepaired = 0 (no unit)
    StateConflicts = 0 (no unit)
    SyncMillis = 2450 Milliseconds
    EventToVaultSeconds = 1.5 Seconds
    OldestUnsyncedHours = 6 (no unit)
    StalledRotations = 2 (no unit)
    SweepCompleted = 0 (no unit)
    VaultTokenHoursLeft = 18.5 (no unit)
    ");
    assert_eq!(
        (&emf["Function"], &emf["requestId"]),
        (&json!("iam-key-sync"), &json!("request-1"))
    );
}

#[test]
fn what_was_not_measured_is_not_sent() {
    let emf = parsed(&metrics());
    for name in [
        "SyncMillis",
        "EventToVaultSeconds",
        "OldestUnsyncedHours",
        "StalledRotations",
        "SweepCompleted",
        "VaultTokenHoursLeft",
    ] {
        assert!(!emf.to_string().contains(name), "{name} in {emf}");
    }
}

#[test]
fn every_outcome_has_its_own_count_and_a_plan_has_none() {
    for outcome in Outcome::ALL
        .into_iter()
        .chain([Outcome::PlannedWritten, Outcome::PlannedRetired])
    {
        let mut metrics = metrics();
        for _ in 0..3 {
            metrics.count(&result("sentinel-user", outcome), now());
        }
        let emf = parsed(&metrics);
        let counts = [
            "Written",
            "Unchanged",
            "Held",
            "Superseded",
            "Retired",
            "Missing",
            "Failed",
        ]
        .map(|name| (name, &emf[name]));
        for (name, count) in counts {
            let expected = if name.to_lowercase() == outcome.as_str() {
                3
            } else {
                0
            };
            assert_eq!(count, expected, "{name} after three {}", outcome.as_str());
        }
    }
}

#[test]
fn repairs_and_conflicts_are_added_up() {
    let mut metrics = metrics();
    for (drift_repaired, state_conflicts) in [(true, 0), (false, 2), (true, 3)] {
        let reason = if drift_repaired {
            Reason::Vanished
        } else {
            Reason::Rotated
        };
        let mut result = SyncResult {
            state_conflicts,
            ..result("sentinel-user", Outcome::Written)
        };
        result.written.as_mut().unwrap().1 = reason;
        metrics.count(&result, now());
    }
    let emf = parsed(&metrics);
    assert_eq!(
        (&emf["DriftRepaired"], &emf["StateConflicts"]),
        (&json!(2), &json!(5))
    );
}

#[test]
fn the_way_from_event_to_vault_is_measured_for_each_user() {
    let event = "2025-06-02T11:00:00Z";
    for (users, expected) in [
        (
            &[(Some(event), Some("2025-06-02T11:00:02.25Z"))][..],
            json!(2.25),
        ),
        (
            &[
                (Some(event), Some("2025-06-02T11:00:02Z")),
                (Some(event), Some("2025-06-02T11:01:00Z")),
            ],
            json!({ "Values": [2, 60], "Counts": [1, 1] }),
        ),
        // The event's clock goes ahead of ours.
        (&[(Some(event), Some("2025-06-02T10:59:59Z"))], json!(0)),
        // Nobody told of it, or nothing was written.
        (&[(None, Some("2025-06-02T11:00:02Z"))], json!(null)),
        (&[(Some(event), None)], json!(null)),
        (&[], json!(null)),
    ] {
        let mut metrics = metrics();
        for (told, in_vault) in users {
            metrics.count(&written_after(*told, *in_vault), now());
        }
        assert_eq!(
            parsed(&metrics)["EventToVaultSeconds"],
            expected,
            "{users:?}"
        );
    }
}

#[test]
fn the_oldest_key_that_is_not_in_vault_counts() {
    use Outcome::{Failed, Held, Missing, Retired, Superseded, Unchanged, Written};
    let (six, two) = (Some("2025-06-02T06:00:00Z"), Some("2025-06-02T10:00:00Z"));
    for (users, expected) in [
        (&[(Failed, two)][..], json!(2)),
        (&[(Held, two)], json!(2)),
        (&[(Held, two), (Failed, six), (Held, two)], json!(6)),
        (&[(Written, six), (Failed, two)], json!(2)),
        (&[(Failed, Some("2025-06-02T12:00:01Z"))], json!(0)),
        (&[(Failed, None)], json!(null)),
        (
            &[
                (Written, six),
                (Unchanged, six),
                (Superseded, six),
                (Retired, six),
                (Missing, six),
            ],
            json!(null),
        ),
    ] {
        let mut metrics = metrics();
        for (outcome, modified) in users {
            metrics.count(&put_at(*outcome, *modified), now());
        }
        assert_eq!(
            parsed(&metrics)["OldestUnsyncedHours"],
            expected,
            "{users:?}"
        );
    }
}

#[test]
fn a_complete_sweep_says_that_no_key_is_missing_from_vault() {
    for (outcome, complete, oldest) in [
        (None, true, json!(0)),
        (Some(Outcome::Unchanged), true, json!(0)),
        // Held is not failed.
        (Some(Outcome::Held), true, json!(6)),
        (Some(Outcome::Failed), false, json!(6)),
        (Some(Outcome::Unchanged), false, json!(null)),
        (None, false, json!(null)),
    ] {
        let mut metrics = metrics();
        if let Some(outcome) = outcome {
            metrics.count(&put_at(outcome, Some("2025-06-02T06:00:00Z")), now());
        }
        metrics.count_reconcile(Some(3), complete);
        let emf = parsed(&metrics);
        assert_eq!(
            emf["OldestUnsyncedHours"], oldest,
            "{outcome:?}, complete: {complete}"
        );
        assert_eq!(emf["SweepCompleted"], u64::from(complete), "{outcome:?}");
        assert_eq!(
            emf["StalledRotations"], 3,
            "{outcome:?}, complete: {complete}"
        );
    }
}

#[test]
fn metrics_tell_of_no_user() {
    let mut metrics = metrics();
    for outcome in Outcome::ALL {
        metrics.count(&result("sentinel-user", outcome), now());
    }
    assert!(
        !metrics.to_line().contains("sentinel"),
        "{}",
        metrics.to_line()
    );
}

#[test]
fn a_name_with_a_line_break_makes_no_second_line() {
    assert_eq!(
        parsed(&Metrics::new("iam\nkey\r\n\"sync", "r"))["Function"],
        "iam\nkey\r\n\"sync"
    );
}

/// What an invocation that has everything to tell tells.
fn everything() -> Value {
    let mut metrics = metrics();
    metrics.count(&put_at(Outcome::Held, Some("2025-06-02T06:00:00Z")), now());
    metrics.count(
        &written_after(Some("2025-06-02T11:00:00Z"), Some("2025-06-02T11:00:01Z")),
        now(),
    );
    metrics.count_reconcile(Some(0), true);
    metrics.vault_token_hours_left = Some(1.0);
    metrics.set_duration(Duration::from_millis(1));
    parsed(&metrics)
}

fn names(emf: &Value) -> Vec<&str> {
    let metrics = emf["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        .as_array()
        .unwrap();
    metrics
        .iter()
        .map(|metric| metric["Name"].as_str().unwrap())
        .collect()
}

#[test]
fn every_metric_that_an_alarm_watches_is_sent_and_its_silence_is_understood() {
    let alarms: Value =
        serde_json::from_str(include_str!("../../infra/shared/alarms.json")).unwrap();
    let (everything, nothing) = (everything(), parsed(&metrics()));
    let ours = alarms
        .as_array()
        .unwrap()
        .iter()
        .filter(|alarm| alarm["namespace"] == NAMESPACE);
    let mut watched = 0;
    for alarm in ours {
        let (id, metric) = (&alarm["id"], alarm["metric"].as_str().unwrap());
        assert!(
            names(&everything).contains(&metric),
            "{id} watches {metric}, which is never sent"
        );
        assert_eq!(
            alarm["dimensions"],
            json!({ "Function": "${FunctionName}" }),
            "{id}"
        );
        // What every invocation sends is only missing when there is no work; silence of the others says nothing, or is
        // itself the trouble.
        let always = names(&nothing).contains(&metric);
        assert_eq!(
            always,
            alarm["missing"] == "notBreaching",
            "{id}: missing data is {}",
            alarm["missing"]
        );
        watched += 1;
    }
    assert!(watched > 5, "alarms.json has no alarms on {NAMESPACE}");
}

#[test]
fn every_metric_that_the_dashboard_shows_is_sent() {
    let dashboard: Value =
        serde_json::from_str(include_str!("../../infra/shared/dashboard.json")).unwrap();
    let everything = everything();
    let widgets = dashboard["widgets"].as_array().unwrap().iter();
    let shown = widgets
        .filter_map(|widget| widget["properties"]["metrics"].as_array())
        .flatten();
    let ours: Vec<_> = shown.filter(|metric| metric[0] == NAMESPACE).collect();
    for metric in &ours {
        let name = metric[1].as_str().unwrap();
        assert!(names(&everything).contains(&name), "{name} is never sent");
        assert_eq!(
            (&metric[2], &metric[3]),
            (&json!("Function"), &json!("${FunctionName}")),
            "{name}"
        );
    }
    assert!(
        ours.len() > 10,
        "the dashboard shows nothing of {NAMESPACE}"
    );
}

#[test]
fn the_runbooks_table_of_metrics_has_each_that_is_sent() {
    let page = include_str!("../../docs/operations.md");
    let table = page.split_once("\n| metric | unit | tells |\n").unwrap().1;
    let rows = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    let mut told: Vec<_> = rows
        .flat_map(|row| {
            row.split(" | ")
                .next()
                .unwrap()
                .split('`')
                .skip(1)
                .step_by(2)
        })
        .collect();
    let everything = everything();
    let mut sent = names(&everything);
    told.sort_unstable();
    sent.sort_unstable();
    assert_eq!(told, sent);
}
