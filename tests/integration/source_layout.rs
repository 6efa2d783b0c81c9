//! The structure of `src/`: pure modules stay pure, and files stay short.

use std::path::Path;

use crate::stack::checkout;

/// Modules that transform data without side effects, and the modules that each may use.
const PURE: [(&str, &[&str]); 4] = [
    ("trigger", &["error", "keys"]),
    ("snapshot", &["error", "keys"]),
    ("plan", &["config", "snapshot"]),
    ("report", &["error", "keys", "plan", "snapshot"]),
];

/// Minimum number of files of the pure modules.
const PURE_FILES: usize = 6;

/// What a pure module must not contain: input and output, the clock, the log, and waiting.
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

/// Maximum number of lines of a file, without tests.
const MAX_LINES: usize = 250;

/// Files and folders that contain only tests.
const TESTS: [&str; 2] = ["tests.rs", "tests"];

/// Returns path below `src/` and text of all sources that are no tests.
fn sources() -> Vec<(String, String)> {
    let mut sources = Vec::new();
    collect(&checkout().join("src"), "", &mut sources);
    assert!(sources.len() > 50, "only {} files", sources.len());
    sources
}

fn collect(folder: &Path, prefix: &str, sources: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if TESTS.contains(&name.as_str()) {
            continue;
        }
        let (path, relative) = (entry.path(), format!("{prefix}{name}"));
        if path.is_dir() {
            collect(&path, &format!("{relative}/"), sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push((relative, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Returns the code of a source without comments and without inline tests.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn pure_modules_have_no_side_effects_and_few_dependencies() {
    let mut count = 0;
    for (path, text) in sources() {
        let name = path.split('/').next().unwrap().trim_end_matches(".rs");
        let Some((module, allowed)) = PURE.iter().find(|(pure, _)| *pure == name) else {
            continue;
        };
        count += 1;
        let code = code(&text);
        for impure in IMPURE {
            assert!(!code.contains(impure), "src/{path}: {impure}");
        }
        for used in code.split("crate::").skip(1) {
            let used = used
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap();
            assert!(
                used == *module || allowed.contains(&used),
                "src/{path} uses crate::{used}"
            );
        }
    }
    assert!(count >= PURE_FILES, "only {count} files");
}

#[test]
fn source_files_are_short() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(
            lines <= MAX_LINES,
            "src/{path} has {lines} lines, the maximum is {MAX_LINES}"
        );
    }
}
