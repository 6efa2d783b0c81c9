//! Running without Lambda: the systemd units as plain processes, and the examples.

use std::path::PathBuf;
use std::process::Output;

use tokio::process::Command;

use crate::stack::read;
use crate::test_env::TestEnv;

/// Returns the values of a setting of a unit, in order.
fn settings(unit: &str, name: &str) -> Vec<String> {
    let text = read(&format!("docs/systemd/{unit}"));
    let values = text
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

/// Runs the commands of a unit with its environment and the content of its environment file.
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
    assert!(!outputs.is_empty(), "{unit} starts no command");
    outputs
}

fn assert_success(outputs: &[Output]) {
    assert!(
        outputs.iter().all(|output| output.status.success()),
        "{outputs:?}"
    );
}

/// Returns the environment file of the basic mode.
fn basic(env: &TestEnv<'_>) -> Vec<(String, String)> {
    let token = env.stack.text("/vault/rootToken");
    env.environment_with(&[
        ("S3_BUCKET_NAME", ""),
        ("VAULT_TOKEN", &token),
        ("IAM_USER_LIST", "alice,bob"),
    ])
}

#[tokio::test]
async fn systemd_units_of_the_enhanced_mode_sync_rotations() {
    let env = TestEnv::new().await;
    for _rotation in 0..2 {
        let key = env.rotate("alice").await;
        assert_success(&run("keysync-enhanced.service", &env.environment()).await);
        assert_eq!(env.key("alice").await.unwrap().0, key);
    }
    assert!(env.state("alice").await.is_some());
    env.put("bob", "no JSON").await;
    let outputs = run("keysync-enhanced.service", &env.environment()).await;
    assert_eq!(
        outputs[0].status.code(),
        Some(1),
        "a user fails: {outputs:?}"
    );
}

#[tokio::test]
async fn systemd_units_of_the_basic_mode_sync_rotations() {
    let env = TestEnv::new().await;
    let bob = env.rotate("bob").await;
    for _rotation in 0..2 {
        let alice = env.rotate("alice").await;
        assert_success(&run("keysync-basic.service", &basic(&env)).await);
        assert_eq!(env.key("alice").await.unwrap().0, alice);
    }
    assert_eq!(
        env.key("bob").await,
        Some((bob, 1)),
        "an unchanged key is written once"
    );
    assert!(
        env.state("alice").await.is_none(),
        "the basic mode has no state"
    );
}

#[test]
fn systemd_units_have_a_timer_an_environment_file_and_no_core_dump() {
    for mode in ["basic", "enhanced"] {
        let (timer, service) = (
            format!("keysync-{mode}.timer"),
            format!("keysync-{mode}.service"),
        );
        assert_eq!(settings(&timer, "OnUnitActiveSec"), ["10min"]);
        assert_eq!(
            settings(&service, "EnvironmentFile"),
            [format!("/etc/keysync/{mode}.env")]
        );
        assert_eq!(settings(&service, "LimitCORE"), ["0"], "a core dump");
    }
}

/// Runs an example that was built beside this test.
async fn example(name: &str, arguments: &[&str], environment: &[(String, String)]) -> Output {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_keysync"));
    let program = program.with_file_name("examples").join(name);
    let display = program.display();
    assert!(
        program.exists(),
        "{display} is missing; run cargo build --examples"
    );
    let mut child = Command::new(&program);
    child
        .args(arguments)
        .env_clear()
        .envs(environment.iter().cloned())
        .kill_on_drop(true);
    child.output().await.unwrap()
}

#[tokio::test]
async fn example_of_the_basic_mode_syncs_named_users() {
    let env = TestEnv::new().await;
    let (alice, bob) = (env.rotate("alice").await, env.rotate("bob").await);
    let output = example("basic", &["alice", "bob"], &basic(&env)).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(env.key("alice").await.unwrap().0, alice);
    assert_eq!(env.key("bob").await.unwrap().0, bob);
    env.put("alice", "no JSON").await;
    assert!(
        !example("basic", &["alice", "bob"], &basic(&env))
            .await
            .status
            .success()
    );
}

#[tokio::test]
async fn example_of_the_enhanced_mode_reconciles_once_a_day() {
    let env = TestEnv::new().await;
    let alice = env.rotate("alice").await;
    let output = example("enhanced", &[], &env.environment()).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(env.key("alice").await.unwrap().0, alice);
    let new = env.rotate("alice").await;
    let output = example("enhanced", &[], &env.environment()).await;
    assert!(output.status.success(), "{output:?}");
    assert_ne!(
        env.key("alice").await.unwrap().0,
        new,
        "the second run is not due"
    );
}
