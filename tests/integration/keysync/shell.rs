//! Completions, manual pages, the verbose log and closed pipes. No command here needs a
//! configuration, except where it says so.

use std::process::Stdio;

use tokio::process::Command;

use crate::command::{finish, run, start};
use crate::stack::Stack;
use crate::test_env::TestEnv;

/// Returns all commands that `--help` lists, with hyphens between the words of a subcommand.
async fn commands() -> Vec<String> {
    let mut found = vec![];
    let mut open = vec![String::new()];
    while let Some(command) = open.pop() {
        let line = format!("{command} --help");
        let help = run(&line.split_whitespace().collect::<Vec<_>>(), &[])
            .await
            .out;
        let list = help
            .split_once("\nCommands:\n")
            .map_or("", |(_, rest)| rest);
        let list = list.split("\n\n").next().unwrap().lines();
        let names = list.filter(|line| !line.starts_with("   "));
        let names = names.filter_map(|line| line.split_whitespace().next());
        for name in names.filter(|name| *name != "help") {
            let command = format!("{command} {name}");
            found.push(command.trim().replace(' ', "-"));
            open.push(command);
        }
    }
    assert!(found.len() > 12, "{found:?}");
    found
}

#[tokio::test]
async fn completions_of_bash_include_commands_flags_and_values() {
    let script = run(&["completions", "bash"], &[]).await;
    assert_eq!((script.code, script.err.as_str()), (0, ""));
    for (typed, expected) in [
        ("keysync sta", "status"),
        ("keysync token ", "show renew import"),
        ("keysync reconcile --al", "--allow-mass-retire"),
        ("keysync status --output ", "text json"),
    ] {
        let complete = format!(
            r#"{}
read -ra COMP_WORDS <<<'{typed}'; [[ '{typed}' == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); cur=${{COMP_WORDS[COMP_CWORD]}}
function=$(complete -p keysync | sed 's/.*-F \([^ ]*\).*/\1/')
$function keysync "$cur" "${{COMP_WORDS[COMP_CWORD-1]}}"
echo "${{COMPREPLY[@]}}""#,
            script.out
        );
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", &complete]).kill_on_drop(true);
        let output = String::from_utf8(bash.output().await.unwrap().stdout).unwrap();
        let proposed = output.split_whitespace().collect::<Vec<_>>();
        let complete = expected.split(' ').all(|word| proposed.contains(&word));
        assert!(complete, "{typed}: {proposed:?}");
    }
}

#[tokio::test]
async fn completions_of_every_shell_include_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell], &[]).await;
        assert_eq!((script.code, script.err.as_str()), (0, ""), "{shell}");
        for command in commands().await {
            let last = command.rsplit('-').next().unwrap();
            assert!(script.out.contains(last), "{shell}: {command}");
        }
    }
}

#[tokio::test]
async fn manual_pages_exist_for_every_command() {
    let folder = format!(
        "{}/man-{:08x}",
        Stack::shared().text("/dir"),
        fastrand::u32(..)
    );
    std::fs::create_dir(&folder).unwrap();
    let output = run(&["man", &folder], &[]).await;
    assert_eq!((output.code, output.all().as_str()), (0, ""));
    let page =
        |name: &str| std::fs::read_to_string(format!("{folder}/{name}.1")).unwrap_or_default();
    for command in commands().await {
        let page = page(&format!("keysync-{command}"));
        assert!(
            page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"),
            "{command}: {page}"
        );
    }
    for (command, flag) in [
        ("reconcile", "allow\\-mass\\-retire"),
        ("policy-iam", "account"),
        ("sync", "dry\\-run"),
    ] {
        assert!(
            page(&format!("keysync-{command}")).contains(flag),
            "{command}: {flag}"
        );
    }
    let main = run(&["man"], &[]).await;
    assert_eq!((main.code, main.err.as_str()), (0, ""));
    for text in [".TH keysync", "Exit codes", "VAULT_ADDR"] {
        assert!(main.out.contains(text), "{text}: {}", main.out);
    }
}

#[tokio::test]
async fn verbose_log_goes_to_standard_error() {
    let env = TestEnv::new().await;
    env.rotate("alice").await;
    let quiet = env.keysync_line("sync alice --output json", &[]).await;
    assert_eq!((quiet.code, quiet.err.as_str()), (0, ""));
    let key = env.rotate("alice").await;
    let verbose = env
        .keysync_line("sync alice --output json --verbose", &[])
        .await;
    assert_eq!(verbose.code, 0, "{verbose:?}");
    assert_eq!(verbose.json()["users"][0]["outcome"], "written");
    assert!(!verbose.all().contains(&key.secret));
    let alice = |line: &str| line.contains("DEBUG") && line.contains("alice");
    assert!(verbose.err.lines().any(alice), "{}", verbose.err);
}

#[tokio::test]
async fn closed_pipe_is_not_an_error() {
    let env = TestEnv::new().await;
    env.rotate("alice").await;
    for line in [
        "status",
        "plan",
        "explain alice",
        "status --output json",
        "token show",
        "policy vault --quiet",
        "man",
        "completions bash",
        "--help",
    ] {
        let mut child = start(&line.split(' ').collect::<Vec<_>>(), &env.environment());
        drop(child.stdout.take());
        let output = finish(child, "").await;
        assert_eq!(output.err, "", "{line}");
        assert!([0, 3].contains(&output.code), "{line}: {output:?}");
    }
    let line = format!(
        "{} --quiet policy vault | head -1",
        env!("CARGO_BIN_EXE_keysync")
    );
    let mut bash = Command::new("bash");
    bash.args(["-o", "pipefail", "-c", &line])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    bash.env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(env.environment());
    let output = bash.output().await.unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
}
