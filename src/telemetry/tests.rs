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

/// Creates a result with a parameter that was put then.
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

/// Returns the line as JSON, after checking that CloudWatch accepts it.
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
    metrics.count_reconcile(Some(2), false, true);
    metrics.rewritten_again = Some(1);
    metrics.vault_token_hours_left = Some(18.5);
    metrics.set_duration(Duration::from_millis(2450));
    let emf = parsed(&metrics);
    let sent = names(&emf).into_iter().zip(directives(&emf));
    let sent = sent.map(|(name, metric)| {
        let unit = metric["Unit"].as_str().unwrap_or("(no unit)");
        format!("{name} = {} {unit}", emf[name])
    });
    insta::assert_snapshot!(sent.collect::<Vec<_>>().join("\n"), @"
    Written = 1 (no unit)
    Unchanged = 0 (no unit)
    Held = 1 (no unit)
    Superseded = 0 (no unit)
    Retired = 0 (no unit)
    Missing = 0 (no unit)
    Failed = 0 (no unit)
    Foreign = 0 (no unit)
    Untargeted = 0 (no unit)
    BadEvents = 1 (no unit)
    DriftRepaired = 0 (no unit)
    StateConflicts = 0 (no unit)
    SyncMillis = 2450 Milliseconds
    EventToVaultSeconds = 1.5 Seconds
    OldestUnsyncedHours = 6 (no unit)
    StalledRotations = 2 (no unit)
    RewrittenAgain = 1 (no unit)
    SweepCompleted = 0 (no unit)
    VaultTokenHoursLeft = 18.5 (no unit)
    ");
    assert_eq!(emf["Function"], "iam-key-sync");
    assert_eq!(emf["requestId"], "request-1");
}

#[test]
fn a_metric_that_was_not_measured_is_not_sent() {
    let emf = parsed(&metrics());
    for name in [
        "SyncMillis",
        "EventToVaultSeconds",
        "OldestUnsyncedHours",
        "StalledRotations",
        "RewrittenAgain",
        "SweepCompleted",
        "VaultTokenHoursLeft",
    ] {
        assert!(!emf.to_string().contains(name), "{name} in {emf}");
    }
}

#[test]
fn each_outcome_has_its_count_and_a_dry_run_has_none() {
    let dry_run = [Outcome::PlannedWritten, Outcome::PlannedRetired];
    for outcome in Outcome::ALL.into_iter().chain(dry_run) {
        let mut metrics = metrics();
        (0..3).for_each(|_| metrics.count(&result("sentinel-user", outcome), now()));
        let emf = parsed(&metrics);
        for name in [
            "Written",
            "Unchanged",
            "Held",
            "Superseded",
            "Retired",
            "Missing",
            "Failed",
        ] {
            let is_counted = name.to_lowercase() == outcome.as_str();
            let expected = if is_counted { 3 } else { 0 };
            assert_eq!(
                emf[name],
                expected,
                "{name} after three {}",
                outcome.as_str()
            );
        }
    }
}

#[test]
fn repairs_and_conflicts_are_summed() {
    let mut metrics = metrics();
    for (reason, state_conflicts) in [
        (Reason::Vanished, 0),
        (Reason::Rotated, 2),
        (Reason::Vanished, 3),
    ] {
        let mut result = result("sentinel-user", Outcome::Written);
        result.state_conflicts = state_conflicts;
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
fn the_time_from_event_to_vault_is_measured_for_each_user() {
    let event = Some("2025-06-02T11:00:00Z");
    let (after_2, after_60) = (
        Some("2025-06-02T11:00:02.25Z"),
        Some("2025-06-02T11:01:00Z"),
    );
    let two = json!({ "Values": [2.25, 60], "Counts": [1, 1] });
    for (users, expected) in [
        (&[(event, after_2)][..], json!(2.25)),
        (&[(event, after_2), (event, after_60)], two),
        (&[(None, after_2)], json!(null)),
        (&[(event, None)], json!(null)),
        (&[], json!(null)),
    ] {
        let mut metrics = metrics();
        for (event, written) in users {
            metrics.count(&written_after(*event, *written), now());
        }
        assert_eq!(
            parsed(&metrics)["EventToVaultSeconds"],
            expected,
            "{users:?}"
        );
    }
}

#[test]
fn the_oldest_unsynced_key_is_measured() {
    use Outcome::{Failed, Held, Written};
    let (six, two) = (Some("2025-06-02T06:00:00Z"), Some("2025-06-02T10:00:00Z"));
    for (users, expected) in [
        (&[(Failed, two)][..], json!(2)),
        (&[(Held, two), (Failed, six), (Held, two)], json!(6)),
        (&[(Written, six), (Failed, two)], json!(2)),
        (&[(Written, six), (Failed, None)], json!(null)),
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
fn a_complete_run_reports_no_unsynced_key() {
    for (outcome, complete, oldest) in [
        (None, true, json!(0)),
        (Some(Outcome::Unchanged), true, json!(0)),
        // A held user does not make a run incomplete.
        (Some(Outcome::Held), true, json!(6)),
        (Some(Outcome::Failed), false, json!(6)),
        (Some(Outcome::Unchanged), false, json!(null)),
        (None, false, json!(null)),
    ] {
        let mut metrics = metrics();
        if let Some(outcome) = outcome {
            metrics.count(&put_at(outcome, Some("2025-06-02T06:00:00Z")), now());
        }
        metrics.count_reconcile(Some(3), complete, true);
        let emf = parsed(&metrics);
        let case = format!("{outcome:?}, complete: {complete}");
        assert_eq!(emf["OldestUnsyncedHours"], oldest, "{case}");
        assert_eq!(emf["SweepCompleted"], u64::from(complete), "{case}");
        assert_eq!(emf["StalledRotations"], 3, "{case}");
    }
}

#[test]
fn metrics_contain_no_user_name() {
    let mut metrics = metrics();
    for outcome in Outcome::ALL {
        metrics.count(&result("sentinel-user", outcome), now());
    }
    let line = metrics.to_line();
    assert!(!line.contains("sentinel"), "{line}");
}

#[test]
fn a_line_break_in_a_name_adds_no_line() {
    let name = "iam\nkey\r\n\"sync";
    assert_eq!(parsed(&Metrics::new(name, "r"))["Function"], name);
}

/// Returns a line with all metrics.
fn everything() -> Value {
    let mut metrics = metrics();
    metrics.count(&put_at(Outcome::Held, Some("2025-06-02T06:00:00Z")), now());
    let (event, written) = (Some("2025-06-02T11:00:00Z"), Some("2025-06-02T11:00:01Z"));
    metrics.count(&written_after(event, written), now());
    metrics.count_reconcile(Some(0), true, true);
    metrics.rewritten_again = Some(0);
    metrics.vault_token_hours_left = Some(1.0);
    metrics.set_duration(Duration::from_millis(1));
    parsed(&metrics)
}

fn directives(emf: &Value) -> impl Iterator<Item = &Value> {
    let metrics = emf["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array();
    metrics.unwrap().iter()
}

/// Returns the names of the metrics of a line.
fn names(emf: &Value) -> Vec<&str> {
    directives(emf)
        .map(|metric| metric["Name"].as_str().unwrap())
        .collect()
}

#[test]
fn every_alarm_watches_a_metric_that_is_sent() {
    let alarms: Value =
        serde_json::from_str(include_str!("../../infra/shared/alarms.json")).unwrap();
    let (everything, nothing) = (everything(), parsed(&metrics()));
    let alarms = alarms.as_array().unwrap().iter();
    let ours = alarms
        .filter(|alarm| alarm["namespace"] == NAMESPACE)
        .collect::<Vec<_>>();
    for alarm in &ours {
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
        // A metric that every invocation sends is missing only if there is no work. The absence of
        // another metric shows nothing, or is itself the problem.
        let is_always_sent = names(&nothing).contains(&metric);
        let missing = &alarm["missing"];
        assert_eq!(
            is_always_sent,
            missing == "notBreaching",
            "{id}: missing data is {missing}"
        );
    }
    assert!(ours.len() > 5, "alarms.json has no alarms on {NAMESPACE}");
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
        assert_eq!(metric[2], "Function", "{name}");
        assert_eq!(metric[3], "${FunctionName}", "{name}");
    }
    assert!(
        ours.len() > 10,
        "the dashboard shows nothing of {NAMESPACE}"
    );
}

#[test]
fn the_runbook_lists_exactly_the_metrics_that_are_sent() {
    let page = include_str!("../../docs/operations.md");
    let (_, table) = page.split_once("\n| metric | unit | ").unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split(" | ").next().unwrap());
    let listed = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let mut listed = listed.collect::<Vec<_>>();
    let everything = everything();
    let mut sent = names(&everything);
    listed.sort_unstable();
    sent.sort_unstable();
    assert_eq!(listed, sent);
}
