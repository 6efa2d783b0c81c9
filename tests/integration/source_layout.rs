//! The structure of `src/`: pure modules stay pure, and files stay short.

use std::path::Path;

use crate::stack::checkout;

/// The modules in the order in which they may import each other: each only those before it.
const LAYERS: [&str; 34] = [
    "error",
    "panics",
    "time_format",
    "keys",
    "config",
    "targets",
    "snapshot",
    "token",
    "deadlines",
    "trigger",
    "plan",
    "backends",
    "pace",
    "capabilities",
    "session",
    "context",
    "breaker",
    "invocation",
    "observe",
    "apply",
    "sync",
    "report",
    "telemetry",
    "reconcile",
    "status",
    "explain",
    "doctor",
    "rehearse",
    "token_import",
    "policy",
    "schema",
    "handler",
    "keysync",
    "lib",
];

/// Modules that transform data without side effects.
const PURE: [&str; 7] = [
    "targets", "trigger", "snapshot", "plan", "report", "token", "explain",
];

/// Minimum number of files of the pure modules.
const PURE_FILES: usize = 15;

/// What a pure module must not contain: input and output, the clock, the log, and waiting.
const IMPURE: [&str; 17] = [
    "async ",
    ".await",
    "tokio",
    "futures_util",
    "tracing",
    "aws_sdk",
    "aws_smithy",
    "aws_config",
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
const TESTS: [&str; 4] = ["tests.rs", "tests", "testing.rs", "testing"];

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

/// Returns the module of a source: its first folder, or its file.
fn module(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

#[test]
fn pure_modules_have_no_side_effects() {
    let mut count = 0;
    for (path, text) in sources() {
        if PURE.contains(&module(&path)) {
            count += 1;
            for impure in IMPURE {
                assert!(!code(&text).contains(impure), "src/{path}: {impure}");
            }
        }
    }
    assert!(count >= PURE_FILES, "only {count} files");
}

#[test]
fn imports_point_one_way() {
    let layer = |module: &str| LAYERS.iter().position(|layer| *layer == module);
    for (path, text) in sources() {
        let own = module(&path);
        if own == "bin" {
            continue;
        }
        let own_layer = layer(own).unwrap_or_else(|| panic!("{own} is not in LAYERS"));
        for used in code(&text).split("crate::").skip(1) {
            let is_name = |c: char| c.is_alphanumeric() || c == '_';
            let used = used.split(|c| !is_name(c)).next().unwrap();
            let used_layer = layer(used).unwrap_or_else(|| panic!("src/{path}: crate::{used}"));
            assert!(used_layer <= own_layer, "src/{path} uses crate::{used}");
        }
    }
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
