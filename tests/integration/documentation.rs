//! What the documentation says is so: quoted output, commands, links, and every table of names.

mod commands;
mod links;
mod tables;

use std::path::{Path, PathBuf};

use crate::command::{end, start};
use crate::stack::checkout;

/// Every page of the repository, by its place in it.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    collect(&checkout(), &mut pages);
    assert!(pages.len() > 25, "only {} pages were found", pages.len());
    pages
}

fn collect(folder: &Path, pages: &mut Vec<(PathBuf, String)>) {
    // What is built, installed or not ours.
    let foreign = [
        "target",
        "node_modules",
        ".git",
        ".local",
        ".tools",
        "cdk.out",
        "dist",
    ];
    for path in std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !foreign.contains(&name) {
            collect(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let text = std::fs::read_to_string(&path).unwrap();
            pages.push((path, text));
        }
    }
}

/// Every quoted help text, with the command that prints it.
fn quoted() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(checkout().join("docs/command-line.md")).unwrap();
    let blocks = text
        .split("```console\n$ keysync ")
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0);
    blocks
        .map(|block| block.split_once('\n').unwrap())
        .map(|(command, help)| (command.into(), help.into()))
        .collect()
}

/// All Rust sources below a folder.
fn sources(folder: &std::path::Path) -> String {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.extension() {
            _ if path.is_dir() => sources(&path),
            Some(extension) if extension == "rs" => std::fs::read_to_string(&path).unwrap(),
            _ => String::new(),
        })
        .collect()
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let tests = sources(&checkout().join("src")) + &sources(&checkout().join("tests"));
    let page = std::fs::read_to_string(checkout().join("docs/threat-model.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| **"));
    let mut named = 0;
    for row in rows {
        let shown = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for name in shown.split('`').skip(1).step_by(2) {
            let there = if name.contains(['/', ' ']) {
                let place = name.split(' ').next().unwrap();
                place == "make" || checkout().join(place).exists()
            } else {
                tests.contains(&format!("fn {name}("))
            };
            assert!(there, "{name} is not there");
            named += 1;
        }
    }
    assert!(named > 30, "{named} are named");
}

#[tokio::test]
async fn every_quoted_help_is_what_the_binary_prints() {
    for (command, help) in quoted() {
        let arguments = command.split(' ').collect::<Vec<_>>();
        assert_eq!(
            end(start(&arguments, &[]), "").await.out,
            help,
            "keysync {command}"
        );
    }
}

#[tokio::test]
async fn every_command_is_told_of() {
    let help = end(start(&["-h"], &[]), "").await.out;
    let commands = help
        .split_once("Commands:\n")
        .unwrap()
        .1
        .split_once("\n\n")
        .unwrap()
        .0;
    let commands = commands
        .lines()
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    let headings = std::fs::read_to_string(checkout().join("docs/command-line.md")).unwrap();
    for command in commands.filter(|command| !["completions", "man", "help"].contains(command)) {
        assert!(
            headings.contains(&format!("\n## {command}\n")),
            "{command} has no section"
        );
        assert!(
            quoted()
                .iter()
                .any(|(quoted, _)| quoted.split(' ').next() == Some(command)),
            "{command} is not quoted"
        );
    }
}
