//! The shape of the source: what is pure stays pure, and no file grows out of sight.

use std::path::{Path, PathBuf};

use crate::stack::checkout;

/// The modules that take plain data and return plain data, and those of ours that each may use beside itself.
const PURE: [(&str, &[&str]); 4] = [
    ("trigger", &["error", "keys"]),
    ("snapshot", &["error", "keys"]),
    ("plan", &["config", "snapshot"]),
    ("report", &["error", "keys", "plan", "snapshot"]),
];

/// What none of them may touch: the outside, the clock, the log, anything that waits.
const IMPURE: [&str; 16] = [
    "async ",
    ".await",
    "tokio",
    "futures_util",
    "tracing",
    "aws_",
    "vaultrs",
    "reqwest",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "Timestamp::now",
    "Instant::now",
    "SystemTime::now",
    "println!",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut sources = Vec::new();
    for path in entries {
        if path.is_dir() {
            sources.extend(sources_of(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
    sources
}

fn sources_of(folder: &Path) -> Vec<PathBuf> {
    if folder.ends_with("tests") {
        Vec::new()
    } else {
        sources(folder)
    }
}

/// Every source that is no test.
fn productive() -> Vec<(PathBuf, String)> {
    let there = sources(&checkout().join("src"))
        .into_iter()
        .filter(|path| !path.ends_with("tests.rs"));
    there
        .map(|path| (path.clone(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The code of a source: without comments, and without tests that stand in it.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn trigger_snapshot_plan_and_report_are_free_of_io() {
    let source = checkout().join("src");
    let mut looked_at = 0;
    for (path, text) in productive() {
        let module = path
            .strip_prefix(&source)
            .unwrap()
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap();
        let Some((module, uses)) = PURE
            .iter()
            .find(|(pure, _)| *pure == module.trim_end_matches(".rs"))
        else {
            continue;
        };
        looked_at += 1;
        let code = code(&text);
        for impure in IMPURE {
            assert!(!code.contains(impure), "{}: {impure}", path.display());
        }
        for used in code.split("crate::").skip(1) {
            let name = used
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap();
            assert!(
                name == *module || uses.contains(&name),
                "{} uses crate::{name}",
                path.display()
            );
        }
    }
    assert!(looked_at >= 6, "{looked_at}");
}

#[test]
fn no_file_grows_beyond_250_lines() {
    let sources = productive();
    assert!(sources.len() > 50, "{}", sources.len());
    for (path, text) in sources {
        assert!(
            text.lines().count() <= 250,
            "{} has {} lines",
            path.display(),
            text.lines().count()
        );
    }
}
