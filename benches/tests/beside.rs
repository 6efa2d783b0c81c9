//! Other implementations beside the function: a Node.js program that is found through `PATH`, and
//! commands that fail. `make bench-test` builds the function first.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The time within which a command that has exited is named.
const SOON: Duration = Duration::from_secs(5);

/// Measures as little as possible.
const SMALLEST: [&str; 6] = [
    "--starts=1",
    "--invocations=101",
    "--pause=0",
    "--users=20",
    "--reconcile-payload",
    r#"other={"all": true}"#,
];

fn bench() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nr-iam-key-sync-bench"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn run(arguments: &[&str]) -> Output {
    bench().args(arguments).output().unwrap()
}

/// Returns a new folder for the files of a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Returns the cells of the row that begins with this cell.
fn row<'a>(tables: &'a str, first: &str) -> Vec<&'a str> {
    let start = format!("| {first} |");
    let row = tables.lines().find(|line| line.starts_with(&start));
    let row = row.unwrap_or_else(|| panic!("no row {first:?} in\n{tables}"));
    row.split('|').map(str::trim).skip(2).collect()
}

#[test]
fn node_program_is_measured_beside_the_function() {
    let function = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/lambda");
    assert!(function.exists(), "run make bench-build first");
    let node = Command::new("node").arg("--version").output();
    assert!(node.is_ok(), "Node.js is missing; see CONTRIBUTING.md");
    let folder = folder("beside");
    let (page, picture) = (folder.join("page.md"), folder.join("picture.svg"));

    let mut command = bench();
    command
        .args(SMALLEST)
        .arg("--page")
        .arg(&page)
        .arg("--picture")
        .arg(&picture)
        .arg(format!("keysync={}", function.display()))
        .arg(r#"early=REASON="no such table" sh -c 'echo "$REASON"; exit 3'"#)
        .arg("other=node tests/other.mjs");
    let mut process = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = Vec::new();
    for line in BufReader::new(process.stderr.take().unwrap()).lines() {
        log.push((Instant::now(), line.unwrap()));
    }
    let output = process.wait_with_output().unwrap();
    let tables = text(&output.stdout);

    let line = |part: &str| {
        let found = log.iter().position(|(_, line)| line.contains(part));
        found.unwrap_or_else(|| panic!("no line {part:?} in {log:#?}"))
    };
    let (begin, end) = (line("measuring early"), line("no such table"));
    assert!(log[end].0 - log[begin].0 < SOON, "{log:#?}");
    assert!(
        log[end - 2]
            .1
            .ends_with("the process exited: exit status: 3"),
        "{log:#?}"
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(log.last().unwrap().1, "bench: figures are missing: early");

    let names = [
        "keysync",
        "early",
        "other",
        "early / keysync",
        "other / keysync",
        "",
    ];
    assert_eq!(row(tables, "one rotation"), names);
    assert_eq!(row(tables, "– calls")[..3], ["8", "–", "6"]);
    assert_eq!(row(tables, "– calls")[4], "0.75");
    assert_eq!(
        row(tables, "invocations of one process")[..3],
        ["101", "–", "101"]
    );
    assert_eq!(row(tables, "10 merged targets")[..2], ["3", "24"]);
    let (_, reconcile_runs) = tables.split_once("| reconcile run of other |").unwrap();
    // Two pages of parameters; a record, a read, a write and a record again for each user.
    assert_eq!(row(reconcile_runs, "20 changed")[4], "83");
    assert_eq!(row(reconcile_runs, "20 unchanged")[4], "22");
    assert!(
        std::fs::read_to_string(page)
            .unwrap()
            .contains(tables.trim_end())
    );
    assert!(std::fs::read_to_string(picture).unwrap().contains("<svg"));
}

#[test]
fn answer_without_a_write_does_not_count() {
    let output = run(&["idle=OTHER_IDLE=1 node tests/other.mjs"]);
    let problem = "rotate user00: expected one new version of secret/aws/iam-keys/user00 with the \
                   new key, found 0 with another key or none; the answer was null";
    assert!(text(&output.stderr).contains(problem), "{output:?}");
}

#[test]
fn unknown_program_is_named_before_anything_is_measured() {
    let output = run(&["a=sh", "b=no-such-program"]);
    assert_eq!(output.status.code(), Some(2));
    let problem = "b=no-such-program' for '<NAME=COMMAND>...': no-such-program: not found in PATH";
    assert!(text(&output.stderr).contains(problem), "{output:?}");
}

#[test]
fn readme_names_the_variables_of_a_command() {
    let output = run(&["variables=env"]);
    let readme = std::fs::read_to_string("README.md").unwrap();
    let names = text(&output.stderr)
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.split_once('='));
    let names: Vec<_> = names.map(|(name, _)| name).collect();
    assert!(names.len() > 10, "{output:?}");
    for name in names {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn fakes_without_file_descriptors_are_reported() {
    let program = env!("CARGO_BIN_EXE_nr-iam-key-sync-bench");
    let leak = "leak=OTHER_CONNECTIONS=200 sh -c 'ulimit -Sn 1024; exec node tests/other.mjs'";
    let output = Command::new("sh")
        .args(["-c", r#"ulimit -Sn 100; exec "$0" "$1""#, program, leak])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let problem = "measure leak: a fake cannot accept a connection: Too many open files";
    assert!(text(&output.stderr).contains(problem), "{output:?}");
}

#[test]
fn interrupt_ends_the_processes_of_a_command() {
    let file = folder("interrupt").join("pid");
    let command = format!(
        "hang=FILE={} sh -c 'sleep 600 & echo $! >$FILE; wait'",
        file.display()
    );
    let mut process = bench().arg(command).stderr(Stdio::null()).spawn().unwrap();
    let pid = wait_for(|| {
        std::fs::read_to_string(&file)
            .ok()?
            .trim()
            .parse::<u32>()
            .ok()
    });
    let interrupt = ["-INT".to_owned(), process.id().to_string()];
    assert!(
        Command::new("kill")
            .args(interrupt)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(process.wait().unwrap().code(), Some(1));
    wait_for(|| {
        // A process that has ended may remain until its parent reads the status.
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        (status.is_empty() || status.contains(") Z ")).then_some(())
    });
}

fn wait_for<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(result) = condition() {
            return result;
        }
        assert!(began.elapsed() < SOON, "nothing happened within {SOON:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
