//! The documentation is correct: quoted output, commands, links, tables of names, and vocabulary.

mod commands;
mod links;
mod tables;
mod vocabulary;

use crate::stack::{checkout, read};

/// Returns the paths of all tracked files that match one of these patterns of git.
fn tracked_files(patterns: &[&str]) -> Vec<String> {
    let mut git = std::process::Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
    ]);
    let output = git.args(patterns).current_dir(checkout()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let paths = String::from_utf8(output.stdout).unwrap();
    let paths = paths
        .split('\0')
        .filter(|path| checkout().join(path).is_file());
    paths.map(str::to_owned).collect()
}

/// Returns path and text of all Markdown pages.
fn pages() -> Vec<(String, String)> {
    let pages = tracked_files(&["*.md"])
        .into_iter()
        .map(|path| (path.clone(), read(&path)));
    let pages = pages.collect::<Vec<_>>();
    assert!(pages.len() > 25, "only {} pages", pages.len());
    pages
}

#[test]
fn threat_model_names_existing_tests() {
    let tests = tracked_files(&["src/*.rs", "tests/*.rs"]);
    let tests = tests.iter().map(|path| read(path)).collect::<String>();
    let page = read("docs/threat-model.md");
    let rows = page.lines().filter(|line| line.starts_with("| **"));
    let mut count = 0;
    for row in rows {
        let evidence = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for name in evidence.split('`').skip(1).step_by(2) {
            let exists = if name.contains(['/', ' ']) {
                let path = name.split(' ').next().unwrap();
                path == "make" || checkout().join(path).exists()
            } else {
                tests.contains(&format!("fn {name}("))
            };
            assert!(exists, "{name} does not exist");
            count += 1;
        }
    }
    assert!(count > 30, "only {count} names");
}
