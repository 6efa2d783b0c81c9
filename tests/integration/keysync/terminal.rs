//! On a terminal: colour and a progress bar. Without one: neither, and nothing wider than 80 columns.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::corner::Corner;
use crate::proxy::Proxies;
use crate::stack::checkout;

/// What the terminal gets that a command runs on: all of it, or with `--err` only what goes to standard error.
async fn on_a_terminal(corner: &Corner<'_>, line: &str, variables: &[(&str, &str)]) -> String {
    let python = checkout().join(".local/venv/bin/python");
    let mut terminal = Command::new(python);
    terminal.arg(checkout().join("tests/integration/keysync/terminal.py"));
    let (options, line) = line
        .split_once("--err ")
        .map_or((None, line), |(_, line)| (Some("--err"), line));
    terminal
        .args(options)
        .arg(env!("CARGO_BIN_EXE_keysync"))
        .args(line.split(' '));
    terminal
        .env_clear()
        .env("TERM", "xterm")
        .envs(corner.environment_with(variables))
        .stdin(Stdio::null());
    let ended = terminal.kill_on_drop(true).output().await.unwrap();
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "", "{line}");
    String::from_utf8(ended.stdout).unwrap()
}

#[tokio::test]
async fn a_terminal_gets_colour_unless_that_is_not_wanted() {
    let corner = Corner::new().await;
    corner.rotate("alice").await;
    corner.put("bob", "no JSON").await;
    let told = on_a_terminal(&corner, "status", &[]).await;
    assert!(
        told.contains("\u{1b}[38;5;9m") || told.contains("\u{1b}[31m"),
        "{told:?}"
    );
    for (variable, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let told = on_a_terminal(&corner, "--output text status alice", &[(variable, value)]).await;
        assert!(!told.contains("\u{1b}[3"), "{variable}: {told:?}");
    }
    let piped = corner.keysync(&["status"]).await;
    assert!(!piped.all().contains('\u{1b}'), "{piped:?}");
    let json = on_a_terminal(&corner, "token show --output json", &[]).await;
    assert!(!json.contains('\u{1b}'), "{json:?}");
}

#[tokio::test]
async fn a_sweep_shows_how_far_it_is_and_clears_that_away() {
    let corner = Corner::new().await;
    for n in 0..15 {
        corner.rotate(&format!("user{n:02}")).await;
    }
    let proxies = Proxies::before(&corner, Duration::from_millis(30)).await;
    let slow = [&proxies.variables()[..], &[("SYNC_CONCURRENCY", "1")]].concat();
    let told = on_a_terminal(&corner, "--err reconcile", &slow).await;
    let frames = told.split('\r').collect::<Vec<_>>();
    let bar = frames
        .iter()
        .filter(|frame| frame.contains(" users "))
        .collect::<Vec<_>>();
    assert!(bar.len() > 3, "{frames:?}");
    assert!(
        bar.iter()
            .any(|frame| frame.contains("/s") && frame.contains(" left")),
        "{bar:?}"
    );
    assert!(
        bar.iter()
            .all(|frame| frame.trim_end().chars().count() <= 100),
        "{bar:?}"
    );
    assert!(
        told.ends_with("\u{1b}[2K") || told.trim_end().ends_with("\u{1b}[K"),
        "it is cleared away: {told:?}"
    );
    let piped = corner.keysync(&["reconcile", "--force"]).await;
    assert_eq!(piped.err, "", "a pipe gets no bar");
}

#[tokio::test]
async fn no_line_is_wider_than_80_columns() {
    let corner = Corner::new().await;
    let (long, other) = (
        format!("a-rather-{}", "long-".repeat(11)),
        format!("{}x", "very-".repeat(12)),
    );
    let (long, other) = (long.as_str(), &format!("{other}yz")[..63]);
    assert_eq!((long.len(), other.len()), (64, 63));
    corner.roster(&[long, other, "in-step", "listed"]).await;
    for user in [long, other, "in-step", "gone"] {
        corner.rotate(user).await;
    }
    let table = [("IAM_USER_TABLE", corner.bucket.as_str())];
    let run = async |line: &str| {
        corner
            .keysync_with(&line.split(' ').collect::<Vec<_>>(), &table, "")
            .await
    };
    let mut wide = Vec::new();
    let mut check = async |line: &str| {
        let said = run(line).await;
        let wider = said.out.lines().filter(|line| line.chars().count() > 80);
        wide.extend(wider.map(|wide| format!("{line}: {wide}")));
        assert!(
            !line.contains(long) || said.out.contains(long),
            "a name is not broken: {said:?}"
        );
    };
    check("reconcile").await;
    corner.rotate(long).await;
    corner.tamper(other).await;
    corner.put("odd", r#"{"current": 1}"#).await;
    corner.remove("gone").await;
    for line in [
        "plan",
        "status",
        "token show",
        "policy vault",
        "doctor",
        "reconcile",
        "-h",
        "--help",
    ] {
        check(line).await;
    }
    for user in [long, other, "in-step", "gone", "odd", "listed"] {
        check(&format!("explain {user}")).await;
        check(&format!("sync {user}")).await;
    }
    for command in [
        "sync",
        "reconcile",
        "plan",
        "status",
        "explain",
        "token",
        "token import",
        "doctor",
        "policy iam",
        "man",
    ] {
        check(&format!("{command} -h")).await;
        check(&format!("{command} --help")).await;
    }
    assert_eq!(wide, Vec::<String>::new());
}
