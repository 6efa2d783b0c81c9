//! What others do during a rehearsal: interrupts, a closed terminal, the platform, other mappings.

use std::process::Command;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use serde_json::json;
use tokio::process::Child;

use super::{USER, stages};
use crate::command::{finish, start};
use crate::proxy::serve;
use crate::test_env::TestEnv;

/// Starts a rehearsal, and waits until its parameter has this version.
async fn begin(env: &TestEnv<'_>, arguments: &str, version: i64) -> Child {
    let line = format!("rehearse --json {arguments}");
    let arguments = line.split_whitespace().collect::<Vec<_>>();
    let child = start(&arguments, &env.environment());
    let deadline = Instant::now() + Duration::from_secs(20);
    while env.parameter_version(USER).await < version {
        assert!(Instant::now() < deadline, "nothing was put");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-s", name, &pid]).status();
    assert!(sent.unwrap().success());
}

#[tokio::test]
async fn closed_terminal_leaves_no_parameter() {
    let env = TestEnv::new().await;
    for (name, arguments) in [("HUP", ""), ("TERM", ""), ("HUP", "--verbose")] {
        let mut child = begin(&env, arguments, 1).await;
        drop(child.stderr.take());
        signal(&child, name);
        if name == "HUP" {
            // The shell sends one, and so does the kernel.
            tokio::time::sleep(Duration::from_millis(5)).await;
            signal(&child, name);
        }
        let output = finish(child, "").await;
        assert_eq!(output.code, 1, "{name}: {output:?}");
        assert_eq!(stages(&output, "pass").last().unwrap(), "cleanup");
        assert!(!env.has_parameter(USER).await, "{name}");
    }
}

#[tokio::test]
async fn parameter_that_the_platform_puts_is_left() {
    let env = TestEnv::new().await;
    // After its second put, so that the put of the platform is not between a read and a write.
    let child = begin(&env, "--wait 3", 2).await;
    env.rotate(USER).await;
    let output = finish(child, "").await;
    assert_eq!(output.code, 1, "{output:?}");
    let left = "is another user's by now; it was left";
    assert!(output.out.contains(left), "{output:?}");
    assert!(env.has_parameter(USER).await, "{output:?}");
    let output = env.keysync(&["rehearse"]).await;
    assert!(output.err.contains("exists; name a user"), "{output:?}");
    assert!(!output.err.contains("delete"), "{output:?}");
}

#[tokio::test]
async fn parameter_of_a_killed_rehearsal_is_named_with_its_command() {
    let env = TestEnv::new().await;
    let child = begin(&env, "", 1).await;
    signal(&child, "KILL");
    finish(child, "").await;
    let output = env.keysync(&["rehearse"]).await;
    assert_eq!(output.code, 1, "{output:?}");
    let command = format!("`aws ssm delete-parameter --name {}`", env.parameter(USER));
    assert!(output.err.contains(&command), "{output:?}");
}

/// Answers as Lambda: two mappings on two pages, and a self-test that passes.
async fn lambda(request: Request) -> String {
    let mapping = |queue: &str, state: &str| {
        let source = format!("arn:aws:sqs:ca-central-1:123456789012:{queue}");
        json!([{"EventSourceArn": source, "State": state, "LastProcessingResult": "OK"}])
    };
    let uri = request.uri().to_string();
    let answer = if uri.ends_with("/invocations") {
        json!([])
    } else if uri.contains("Marker=next") {
        json!({"EventSourceMappings": mapping("changes", "Disabled")})
    } else {
        json!({"EventSourceMappings": mapping("other", "Enabled"), "NextMarker": "next"})
    };
    answer.to_string()
}

#[tokio::test]
async fn mappings_of_all_pages_are_looked_at() {
    let env = TestEnv::new().await;
    let url = serve(Router::new().fallback(lambda)).await;
    let variables = [("AWS_ENDPOINT_URL_LAMBDA", url.as_str())];
    let line = "rehearse --json --wait 1 --function f";
    let output = env.keysync_line(line, &variables).await;
    assert_eq!(stages(&output, "fail"), ["event path"], "{output:?}");
    assert_eq!(stages(&output, "warn"), ["mapping"], "{output:?}");
    assert!(output.out.contains("of changes is Disabled"), "{output:?}");
}
