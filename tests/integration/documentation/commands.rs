//! The commands in the documentation exist, and quoted help texts are current.

use std::collections::BTreeMap;

use snapbox::Data;

use super::pages;
use crate::command::run;
use crate::stack::{checkout, read};

/// Returns the code of a page: the lines of its blocks, and inline code.
fn code(text: &str) -> Vec<String> {
    let blocks = text
        .split("```")
        .skip(1)
        .step_by(2)
        .flat_map(|block| block.lines().skip(1));
    let prose = text.split("```").step_by(2).collect::<String>();
    let inline = prose.split('`').skip(1).step_by(2);
    blocks.chain(inline).map(str::to_owned).collect()
}

/// Returns the arguments of each call of a program in a line of shell code.
fn calls(line: &str, program: &str) -> Vec<Vec<String>> {
    // What may precede the program: a prompt, variables, and `env -u VAULT_TOKEN`.
    let is_prefix =
        |word: &str| word.contains('=') || ["$", "env", "-u", "VAULT_TOKEN"].contains(&word);
    let commands = line.split(['|', '#', ';', '(', ')', '&', '>', '<']);
    let calls = commands.filter_map(|command| {
        let mut words = command
            .split_whitespace()
            .skip_while(|word| is_prefix(word));
        (words.next() == Some(program)).then(|| words.map(str::to_owned).collect())
    });
    calls.collect()
}

/// Returns the calls of a program on all pages, each with a page.
fn documented_calls(program: &str) -> BTreeMap<Vec<String>, String> {
    let mut documented = BTreeMap::new();
    for (page, text) in pages() {
        for call in code(&text).iter().flat_map(|line| calls(line, program)) {
            documented.insert(call, page.clone());
        }
    }
    documented
}

#[tokio::test]
async fn documented_keysync_commands_are_valid() {
    let mut count = 0;
    for (call, page) in documented_calls("keysync") {
        // A synopsis has alternatives.
        if call.is_empty() || call.iter().any(|word| word.contains(['[', ',', '…', '\\'])) {
            continue;
        }
        let mut arguments = call.iter().map(String::as_str).collect::<Vec<_>>();
        // With --help, arguments are checked, but nothing is executed.
        if !arguments
            .iter()
            .any(|word| ["-h", "--version", "help"].contains(word))
        {
            arguments.push("--help");
        }
        let output = run(&arguments, &[]).await;
        assert_eq!(
            output.code,
            0,
            "{page}: keysync {}: {}",
            call.join(" "),
            output.err
        );
        count += 1;
    }
    assert!(count > 25, "only {count} commands");
}

#[test]
fn documented_make_targets_exist() {
    let makefile = read("Makefile");
    let targets = makefile
        .lines()
        .filter_map(|line| line.strip_prefix(".PHONY: "));
    let targets = targets.collect::<Vec<_>>();
    let mut count = 0;
    for (call, page) in documented_calls("make") {
        for target in call.iter().filter(|word| !word.contains(['=', '\''])) {
            assert!(targets.contains(&target.as_str()), "{page}: make {target}");
            count += 1;
        }
    }
    assert!(count > 15, "only {count} targets");
}

#[test]
fn make_targets_have_a_help_text() {
    let makefile = read("Makefile");
    // Parts of other targets.
    let internal = ["bench-build", "release-tools"];
    let targets = makefile
        .lines()
        .filter_map(|line| line.strip_prefix(".PHONY: "));
    for target in targets.filter(|name| !internal.contains(name)) {
        let rule = makefile
            .lines()
            .find(|line| line.starts_with(&format!("{target}:")));
        assert!(rule.is_some_and(|rule| rule.contains(" ## ")), "{target}");
    }
}

/// `SNAPSHOTS=overwrite` updates the page.
#[tokio::test]
async fn quoted_help_is_what_keysync_prints() {
    const START: &str = "```console\n$ keysync ";
    let page = read("docs/command-line.md");
    let mut blocks = page.split(START);
    let mut actual = blocks.next().unwrap().to_owned();
    for block in blocks {
        let (quoted, rest) = block.split_once("```").unwrap();
        let command = quoted.lines().next().unwrap();
        let output = run(&command.split(' ').collect::<Vec<_>>(), &[]).await;
        actual.extend([START, command, "\n", &output.out, "```", rest]);
    }
    let expected = Data::read_from(&checkout().join("docs/command-line.md"), None).raw();
    snapbox::assert_data_eq!(actual, expected);
}

#[tokio::test]
async fn keysync_commands_are_all_documented() {
    let help = run(&["-h"], &[]).await.out;
    let list = help
        .split_once("Commands:\n")
        .unwrap()
        .1
        .split_once("\n\n")
        .unwrap()
        .0;
    let commands = list.lines().filter(|line| !line.starts_with("   "));
    let commands = commands.filter_map(|line| line.split_whitespace().next());
    let page = read("docs/command-line.md");
    for command in commands.filter(|command| *command != "help") {
        assert!(
            page.contains(&format!("\n## {command}\n")),
            "{command} has no section"
        );
        let quoted = page.contains(&format!("```console\n$ keysync {command} "));
        assert!(quoted, "the help of {command} is not quoted");
    }
}
