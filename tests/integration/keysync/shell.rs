//! Beside the work: completions, manual pages, the log, and a reader that goes away. None of it needs a configuration.

use std::process::Stdio;

use tokio::process::Command;

use crate::command::{Said, end, start};
use crate::corner::Corner;
use crate::stack::Stack;

async fn alone(arguments: &[&str]) -> Said {
    end(start(arguments, &[]), "").await
}

/// The commands that `--help` lists, and those below each, with a hyphen between them as manual pages have it.
async fn commands() -> Vec<String> {
    let mut found = vec![];
    let mut open = vec![vec![]];
    while let Some(command) = open.pop() {
        let help = alone(&[&command[..], &["--help"]].concat()).await.out;
        let listed = help
            .split_once("\nCommands:\n")
            .map_or("", |(_, rest)| rest.split("\n\n").next().unwrap());
        let names = listed
            .lines()
            .filter(|line| !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next());
        for name in names.filter(|name| *name != "help") {
            let name: &'static str = name.to_owned().leak();
            found.push([&command[..], &[name]].concat().join("-"));
            open.push([&command[..], &[name]].concat());
        }
    }
    assert!(found.len() > 12, "{found:?}");
    found
}

#[tokio::test]
async fn bash_completes_commands_flags_and_values() {
    let script = alone(&["completions", "bash"]).await;
    assert_eq!((script.code, script.err.as_str()), (0, ""));
    for (typed, expected) in [
        ("keysync sta", "status"),
        ("keysync token ", "show renew import"),
        ("keysync reconcile --al", "--allow-mass-retire"),
        ("keysync status --output ", "text json"),
    ] {
        let ask = format!(
            "{}\nread -ra COMP_WORDS <<<'{typed}'; [[ '{typed}' == *' ' ]] && COMP_WORDS+=('')\n\
             COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); cur=${{COMP_WORDS[COMP_CWORD]}}\n\
             $(complete -p keysync | sed 's/.*-F \\([^ ]*\\).*/\\1/') keysync \"$cur\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
             echo \"${{COMPREPLY[@]}}\"",
            script.out
        );
        let mut bash = Command::new("bash");
        let told = bash
            .args(["--norc", "-c", &ask])
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        let told = told.split_whitespace().collect::<Vec<_>>();
        assert!(
            expected.split(' ').all(|word| told.contains(&word)),
            "{typed}: {told:?}"
        );
    }
}

#[tokio::test]
async fn every_shell_is_told_of_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = alone(&["completions", shell]).await;
        assert_eq!((script.code, script.err.as_str()), (0, ""), "{shell}");
        for command in commands().await {
            let last = command.rsplit('-').next().unwrap();
            assert!(script.out.contains(last), "{shell}: {command}");
        }
    }
}

#[tokio::test]
async fn every_command_has_a_manual_page() {
    let folder = std::path::PathBuf::from(Stack::shared().text("/dir"))
        .join(format!("man-{:08x}", fastrand::u32(..)));
    std::fs::create_dir(&folder).unwrap();
    let said = alone(&["man", folder.to_str().unwrap()]).await;
    assert_eq!(said.all(), "exit code 0\n--- out\n--- err\n");
    let page =
        |name: &str| std::fs::read_to_string(folder.join(format!("{name}.1"))).unwrap_or_default();
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
    let main = alone(&["man"]).await;
    assert_eq!((main.code, main.err.as_str()), (0, ""));
    for told in [".TH keysync", "Exit codes", "VAULT_ADDR"] {
        assert!(main.out.contains(told), "{told}: {}", main.out);
    }
}

#[tokio::test]
async fn verbose_adds_lines_to_standard_error_only() {
    let corner = Corner::new().await;
    corner.rotate("alice").await;
    let quiet = corner.keysync(&["sync", "alice", "--output", "json"]).await;
    assert_eq!((quiet.code, quiet.err.as_str()), (0, ""));
    let key = corner.rotate("alice").await;
    let told = corner
        .keysync(&["sync", "alice", "--output", "json", "--verbose"])
        .await;
    assert_eq!(
        (told.code, told.json()["users"][0]["outcome"].as_str()),
        (0, Some("written")),
        "{told:?}"
    );
    assert!(!told.all().contains(&key.secret));
    assert!(told.err.lines().count() > 0, "nothing was logged");
    assert!(
        told.err
            .contains("DEBUG alice: rotated: the parameter holds a newer key"),
        "{}",
        told.err
    );
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_reason_to_complain() {
    let corner = Corner::new().await;
    corner.rotate("alice").await;
    for line in [
        "status",
        "plan",
        "explain alice",
        "status --output json",
        "token show",
        "policy vault",
        "man",
        "completions bash",
        "--help",
    ] {
        let mut child = start(&line.split(' ').collect::<Vec<_>>(), &corner.environment());
        drop(child.stdout.take());
        let said = end(child, "").await;
        assert_eq!(said.err, "", "{line}");
        assert!([0, 3].contains(&said.code), "{line}: {said:?}");
    }
    let piped = format!("{} policy vault | head -1", env!("CARGO_BIN_EXE_keysync"));
    let mut bash = Command::new("bash");
    bash.args(["-o", "pipefail", "-c", &piped])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(corner.environment());
    let piped = bash
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert_eq!(String::from_utf8(piped.stderr).unwrap(), "");
    assert_eq!(String::from_utf8(piped.stdout).unwrap().lines().count(), 1);
}
