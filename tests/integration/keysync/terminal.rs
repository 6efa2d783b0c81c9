//! Output to a terminal has colour and a progress bar. Output to a pipe has neither, and no line is
//! wider than 80 columns.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::proxy::Proxies;
use crate::stack::checkout;
use crate::test_env::TestEnv;

/// Streams that are connected to the terminal.
#[derive(Clone, Copy, PartialEq)]
enum Streams {
    All,
    StandardError,
}

/// Runs a command in a terminal of 100 columns; returns what it writes to the terminal.
async fn run_in_terminal(
    env: &TestEnv<'_>,
    streams: Streams,
    line: &str,
    variables: &[(&str, &str)],
) -> String {
    let mut python = Command::new(checkout().join(".local/venv/bin/python"));
    python.arg(checkout().join("tests/integration/keysync/run_in_terminal.py"));
    python.args((streams == Streams::StandardError).then_some("--err"));
    python
        .arg(env!("CARGO_BIN_EXE_keysync"))
        .args(line.split(' '))
        .stdin(Stdio::null());
    python
        .env_clear()
        .env("TERM", "xterm")
        .envs(env.environment_with(variables));
    let output = python.kill_on_drop(true).output().await.unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{line}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn terminal_output_has_colour_unless_disabled() {
    let env = TestEnv::new().await;
    env.rotate("alice").await;
    env.put("bob", "no JSON").await;
    let output = run_in_terminal(&env, Streams::All, "status", &[]).await;
    let red = ["\u{1b}[38;5;9m", "\u{1b}[31m"];
    assert!(red.iter().any(|red| output.contains(red)), "{output:?}");
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let line = "--output text status alice";
        let output = run_in_terminal(&env, Streams::All, line, &[variable]).await;
        assert!(!output.contains("\u{1b}[3"), "{variable:?}: {output:?}");
    }
    let output = env.keysync(&["status"]).await;
    assert!(!output.all().contains('\u{1b}'), "{output:?}");
    let output = run_in_terminal(&env, Streams::All, "token show --output json", &[]).await;
    assert!(!output.contains('\u{1b}'), "{output:?}");
}

#[tokio::test]
async fn terminal_has_its_echo_again_after_the_token_prompt() {
    let env = TestEnv::new().await;
    for ending in ["ctrl-c", "INT", "TERM", "HUP", "enter"] {
        let mut python = Command::new(checkout().join(".local/venv/bin/python"));
        python
            .arg(checkout().join("tests/integration/keysync/run_at_prompt.py"))
            .args([ending, env!("CARGO_BIN_EXE_keysync"), "token", "import"])
            .stdin(Stdio::null());
        python
            .env_clear()
            .env("TERM", "xterm")
            .envs(env.environment());
        let output = python.kill_on_drop(true).output().await.unwrap();
        let expected = if ending == "enter" { "1" } else { "130" };
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            format!("prompt: no echo; after it: echo; exit code {expected}\n"),
            "{ending}"
        );
    }
}

#[tokio::test]
async fn color_and_quiet_are_obeyed_without_a_terminal() {
    let env = TestEnv::new().await;
    env.put("bob", "no JSON").await;
    for (options, is_coloured) in [
        ("--color always", true),
        ("--color never", false),
        ("", false),
    ] {
        let output = env
            .keysync_line(format!("status {options}").trim(), &[])
            .await;
        assert_eq!(output.out.contains('\u{1b}'), is_coloured, "{output:?}");
    }
    let output = run_in_terminal(&env, Streams::All, "status --color never", &[]).await;
    assert!(!output.contains("\u{1b}[3"), "{output:?}");
    let output = run_in_terminal(
        &env,
        Streams::StandardError,
        "reconcile --force --quiet",
        &[],
    )
    .await;
    assert!(!output.contains("users"), "{output:?}");
    // A roster that does not exist is a warning.
    let roster = [("IAM_USER_TABLE", "no-such-table")];
    let loud = env.keysync_line("status", &roster).await;
    assert!(loud.err.contains("warning: "), "{loud:?}");
    let quiet = env.keysync_line("status -q", &roster).await;
    assert!(!quiet.err.contains("warning: "), "{quiet:?}");
    assert_eq!(quiet.code, loud.code);
    assert!(quiet.out.starts_with("USER "), "{quiet:?}");
}

#[tokio::test]
async fn terminal_shows_and_clears_a_progress_bar() {
    let env = TestEnv::new().await;
    for n in 0..15 {
        env.rotate(&format!("user{n:02}")).await;
    }
    let proxies = Proxies::start(&env, Duration::from_millis(30)).await;
    let slow = [&proxies.variables()[..], &[("SYNC_CONCURRENCY", "1")]].concat();
    let output = run_in_terminal(&env, Streams::StandardError, "reconcile", &slow).await;
    let frames = output.split('\r').filter(|frame| frame.contains(" users "));
    let frames = frames.collect::<Vec<_>>();
    assert!(frames.len() > 3, "{output:?}");
    let shows_rate = |frame: &&str| frame.contains("/s") && frame.contains(" left");
    assert!(frames.iter().any(shows_rate), "{frames:?}");
    assert!(
        frames
            .iter()
            .all(|frame| frame.trim_end().chars().count() <= 100),
        "{frames:?}"
    );
    let cleared = output.ends_with("\u{1b}[2K") || output.trim_end().ends_with("\u{1b}[K");
    assert!(cleared, "{output:?}");
    let piped = env.keysync(&["reconcile", "--force"]).await;
    assert_eq!(piped.err, "", "a pipe gets no progress bar");
}

#[tokio::test]
async fn piped_output_is_at_most_80_columns_wide() {
    let env = TestEnv::new().await;
    let long = format!("a-rather-{}", "long-".repeat(11));
    let other = format!("{}x-yz", "very-".repeat(12))[..63].to_owned();
    let (long, other) = (long.as_str(), other.as_str());
    assert_eq!((long.len(), other.len()), (64, 63));
    let table = env.roster(&[long, other, "synced", "listed"]).await;
    for user in [long, other, "synced", "gone"] {
        env.rotate(user).await;
    }
    let mut wide = Vec::new();
    let mut check = async |line: &str| {
        let output = env.keysync_line(line, &[("IAM_USER_TABLE", table)]).await;
        let lines = output.out.lines().filter(|line| line.chars().count() > 80);
        wide.extend(lines.map(|wide| format!("{line}: {wide}")));
        let whole = !line.contains(long) || output.out.contains(long);
        assert!(whole, "the user name is wrapped: {output:?}");
    };
    check("reconcile").await;
    env.rotate(long).await;
    env.tamper(other).await;
    env.put("invalid", r#"{"current": 1}"#).await;
    env.remove("gone").await;
    for line in [
        "plan",
        "status",
        "token show",
        "policy vault",
        "doctor",
        "reconcile",
    ] {
        check(line).await;
    }
    for user in [long, other, "synced", "gone", "invalid", "listed"] {
        check(&format!("explain {user}")).await;
        check(&format!("sync {user}")).await;
    }
    for help in ["-h", "--help"] {
        check(help).await;
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
            check(&format!("{command} {help}")).await;
        }
    }
    assert_eq!(wide, [""; 0]);
}
