//! What the documentation offers to run without a Lambda: the systemd units as plain processes, and the examples.

use std::path::PathBuf;
use std::process::Output;

use tokio::process::Command;

use crate::corner::Corner;
use crate::stack::checkout;

/// The values of a setting of a unit, in order.
fn settings(unit: &str, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(checkout().join("docs/systemd").join(unit)).unwrap();
    let values = text
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

/// Runs what a unit starts, in the unit's environment and what its file would hold.
async fn run(unit: &str, file: &[(String, String)]) -> Vec<Output> {
    let mut outputs = Vec::new();
    for command in settings(unit, "ExecStart") {
        let (program, arguments) = command.split_once(' ').unwrap();
        assert_eq!(program, "/usr/local/bin/keysync");
        let own = settings(unit, "Environment");
        let own = own.iter().map(|setting| setting.split_once('=').unwrap());
        let mut child = Command::new(env!("CARGO_BIN_EXE_keysync"));
        child
            .args(arguments.split(' '))
            .env_clear()
            .envs(own)
            .envs(file.iter().cloned());
        outputs.push(child.kill_on_drop(true).output().await.unwrap());
    }
    assert!(!outputs.is_empty(), "{unit} starts nothing");
    outputs
}

fn ended_well(outputs: &[Output]) {
    assert!(
        outputs.iter().all(|output| output.status.success()),
        "{outputs:?}"
    );
}

/// What stands in the environment file of the basic mode here.
fn basic(corner: &Corner<'_>) -> Vec<(String, String)> {
    let token = corner.stack.text("/vault/rootToken");
    let variables = [
        ("S3_BUCKET_NAME", ""),
        ("VAULT_TOKEN", token.as_str()),
        ("IAM_USER_LIST", "alice,bob"),
    ];
    corner.environment_with(&variables)
}

#[tokio::test]
async fn the_units_of_the_enhanced_mode_follow_each_rotation() {
    let corner = Corner::new().await;
    for _rotation in 0..2 {
        let key = corner.rotate("alice").await;
        ended_well(&run("keysync-enhanced.service", &corner.environment()).await);
        assert_eq!(corner.key("alice").await.unwrap().0, key);
    }
    assert!(corner.state("alice").await.is_some());
}

#[tokio::test]
async fn the_units_of_the_basic_mode_follow_each_rotation() {
    let corner = Corner::new().await;
    let bob = corner.rotate("bob").await;
    for _rotation in 0..2 {
        let alice = corner.rotate("alice").await;
        ended_well(&run("keysync-basic.service", &basic(&corner)).await);
        assert_eq!(corner.key("alice").await.unwrap().0, alice);
    }
    assert_eq!(
        corner.key("bob").await,
        Some((bob, 1)),
        "nothing is written twice"
    );
    assert!(corner.state("alice").await.is_none(), "nothing is recorded");
}

#[tokio::test]
async fn a_unit_fails_where_a_user_fails() {
    let corner = Corner::new().await;
    corner.put("alice", "no JSON").await;
    let outputs = run("keysync-enhanced.service", &corner.environment()).await;
    assert_eq!(outputs[0].status.code(), Some(1), "{outputs:?}");
}

#[test]
fn each_timer_has_its_service_and_each_service_its_file() {
    for mode in ["basic", "enhanced"] {
        assert_eq!(
            settings(&format!("keysync-{mode}.timer"), "OnUnitActiveSec"),
            ["10min"]
        );
        assert_eq!(
            settings(&format!("keysync-{mode}.service"), "EnvironmentFile"),
            [format!("/etc/keysync/{mode}.env")]
        );
    }
}

/// Runs an example that was built beside this test.
async fn example(name: &str, arguments: &[&str], environment: &[(String, String)]) -> Output {
    let built = PathBuf::from(env!("CARGO_BIN_EXE_keysync"))
        .with_file_name("examples")
        .join(name);
    assert!(
        built.exists(),
        "{} is missing: run make integration, or cargo build --examples",
        built.display()
    );
    let mut child = Command::new(built);
    child
        .args(arguments)
        .env_clear()
        .envs(environment.iter().cloned())
        .kill_on_drop(true);
    child.output().await.unwrap()
}

#[tokio::test]
async fn the_example_of_the_basic_mode_syncs_whom_it_is_told() {
    let corner = Corner::new().await;
    let (alice, bob) = (corner.rotate("alice").await, corner.rotate("bob").await);
    let output = example("basic", &["alice", "bob"], &basic(&corner)).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        (
            corner.key("alice").await.unwrap().0,
            corner.key("bob").await.unwrap().0
        ),
        (alice, bob)
    );
    corner.put("alice", "no JSON").await;
    assert!(
        !example("basic", &["alice", "bob"], &basic(&corner))
            .await
            .status
            .success()
    );
}

#[tokio::test]
async fn the_example_of_the_enhanced_mode_sweeps_once_a_day() {
    let corner = Corner::new().await;
    let alice = corner.rotate("alice").await;
    let output = example("enhanced", &[], &corner.environment()).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(corner.key("alice").await.unwrap().0, alice);
    let again = example("enhanced", &[], &corner.environment()).await;
    assert!(
        String::from_utf8_lossy(&again.stdout).starts_with("not due: "),
        "{again:?}"
    );
}
