//! The commands that pages tell people to run exist, with these options.

use super::pages;
use crate::command::{end, start};
use crate::stack::checkout;

/// What stands in a page as code: blocks line by line, and between backticks.
fn code(text: &str) -> Vec<String> {
    let blocks = text
        .split("```")
        .skip(1)
        .step_by(2)
        .flat_map(|block| block.lines().skip(1));
    let prose = text.split("```").step_by(2).collect::<String>();
    let inline = prose
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect::<Vec<_>>();
    blocks.map(str::to_owned).chain(inline).collect()
}

/// The calls of a program in a line of code, without what the shell does with them.
fn calls(line: &str, program: &str) -> Vec<Vec<String>> {
    let parts = line.split(['|', '#', ';', '(', ')', '&', '>', '<']);
    let words = parts.map(|part| {
        part.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    words
        .filter_map(|words| {
            // After variables, `$` of a transcript, or a wrapper such as `env -u VAULT_TOKEN`.
            let at = words.iter().position(|word| word == program)?;
            let prefix = |word: &String| {
                word == "$"
                    || word == "env"
                    || word == "-u"
                    || word == "VAULT_TOKEN"
                    || word.contains('=')
            };
            words[..at]
                .iter()
                .all(prefix)
                .then(|| words[at + 1..].to_vec())
        })
        .collect()
}

#[tokio::test]
async fn every_keysync_that_a_page_tells_of_is_understood() {
    let mut asked = std::collections::BTreeMap::new();
    for (page, text) in pages() {
        for call in code(&text).iter().flat_map(|line| calls(line, "keysync")) {
            // Synopses, which name alternatives.
            if !call.is_empty() && !call.iter().any(|word| word.contains(['[', ',', '…', '\\'])) {
                asked.insert(call, page.clone());
            }
        }
    }
    assert!(asked.len() > 25, "only {asked:?}");
    for (mut call, page) in asked {
        // Whoever asks for help is told what is wrong before it, and otherwise nothing is done.
        if !call
            .iter()
            .any(|word| word == "-h" || word == "--version" || word == "help")
        {
            call.push("--help".to_owned());
        }
        let arguments = call.iter().map(String::as_str).collect::<Vec<_>>();
        let said = end(start(&arguments, &[]), "").await;
        assert_eq!(
            said.code,
            0,
            "{}: keysync {}: {}",
            page.display(),
            call.join(" "),
            said.err
        );
    }
}

#[test]
fn every_make_that_a_page_tells_of_is_a_target() {
    let makefile = std::fs::read_to_string(checkout().join("Makefile")).unwrap();
    let targets = makefile
        .lines()
        .filter_map(|line| line.strip_prefix(".PHONY: "))
        .collect::<Vec<_>>();
    let mut asked = 0;
    for (page, text) in pages() {
        for call in code(&text).iter().flat_map(|line| calls(line, "make")) {
            for target in call
                .iter()
                .filter(|word| !word.contains('=') && !word.contains('\''))
            {
                assert!(
                    targets.contains(&target.as_str()),
                    "{}: make {target}",
                    page.display()
                );
                asked += 1;
            }
        }
    }
    assert!(asked > 15, "only {asked}");
}

#[test]
fn every_target_has_its_line_of_help() {
    let makefile = std::fs::read_to_string(checkout().join("Makefile")).unwrap();
    // Parts of others, which nobody calls by name.
    let parts = ["bench-build", "release-tools"];
    for target in makefile
        .lines()
        .filter_map(|line| line.strip_prefix(".PHONY: "))
        .filter(|name| !parts.contains(name))
    {
        let rule = makefile
            .lines()
            .find(|line| line.starts_with(&format!("{target}:")));
        assert!(rule.is_some_and(|rule| rule.contains(" ## ")), "{target}");
    }
}
