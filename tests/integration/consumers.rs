//! Applications follow rotations by the recipes of `examples/consumers`.

mod credential_process;
mod manifests;

use serde_json::json;

use crate::deployment::Deployment;
use crate::stack::read;

/// The applications call AWS twice a second while the platform rotates the key three times and
/// deletes each replaced key. `local/consumers.py` describes them.
#[test]
fn consumers_follow_rotations_without_a_refused_call() {
    let deployment = Deployment::start(&["--enforce"], &json!({}));
    let answer = deployment.stack.command(r#"consumers {"rotations": 3}"#);
    println!("{answer}");
    assert_eq!(answer["files"], json!(["cloud", "s3.conf", "sasl_passwd"]));
    assert_eq!(answer["deletedKeys"], 3);

    let met = |application: &str, fact: &str| answer[application][fact].clone();
    for application in ["credential_process", "role", "agent"] {
        assert_eq!(met(application, "errors"), json!([]), "{application}");
        assert!(met(application, "calls").as_u64().unwrap() > 60);
    }
    assert_eq!(met("credential_process", "keys"), 4);
    assert_eq!(met("credential_process", "processes"), 1);
    assert_eq!(met("role", "processes"), 1);
    assert_eq!(met("agent", "keys"), 4);
    assert_eq!(
        met("agent", "processes"),
        4,
        "one restart for each rotation"
    );
    // Without a recipe, an application is refused.
    assert_eq!(met("control", "keys"), 1);
    assert_eq!(met("control", "errors"), json!(["InvalidClientTokenId"]));
}

/// Returns the rows of the table of delays: each has a file, and the hours of all parts.
fn delays() -> Vec<(String, Vec<f64>)> {
    let page = read("docs/consumers.md");
    let table = page
        .split_once("\n| recipe | to Vault | to the application | sum | of 48 h left |\n")
        .unwrap()
        .1;
    let rows = table.lines().skip(1).take_while(|row| row.starts_with('|'));
    let hours = |cell: &str| {
        let (number, unit) = cell.trim().split_once(' ').unwrap();
        let number: f64 = number.parse().unwrap();
        match unit {
            "h" => number,
            "min" => number / 60.0,
            unit => panic!("unit {unit} in {cell:?}"),
        }
    };
    let rows = rows.map(|row| {
        let cells = row.trim_matches('|').split('|').collect::<Vec<_>>();
        let parts = cells[1..].iter().map(|cell| hours(cell)).collect();
        (cells[0].trim().to_owned(), parts)
    });
    rows.collect()
}

#[test]
fn consumers_delays_are_added_up() {
    let delays = delays();
    assert!(delays.len() >= 6, "{delays:?}");
    for (recipe, parts) in delays {
        let [vault, application, sum, left] = parts[..] else {
            panic!("{recipe}: {parts:?}");
        };
        assert!((vault + application - sum).abs() < 0.05, "{recipe}");
        assert!((48.0 - sum - left).abs() < 0.05 && left > 0.0, "{recipe}");
    }
}

#[test]
fn consumers_page_and_files_have_the_same_intervals() {
    let page = read("docs/consumers.md");
    for (file, setting) in [
        (
            "vault-agent/agent.hcl",
            "static_secret_render_interval = \"5m\"",
        ),
        ("files/agent.hcl", "static_secret_render_interval = \"5m\""),
        ("kubernetes/external-secrets.yaml", "refreshInterval: 5m"),
        ("kubernetes/velero.yaml", "refreshInterval: 5m"),
        ("kubernetes/vault-secrets-operator.yaml", "refreshAfter: 5m"),
        (
            "credential-process/vault-credential-process",
            "\"KEY_LIFETIME_SECONDS\", \"3600\"",
        ),
        (
            "credential-process/vault-credential-process",
            "MAX_CACHE_SECONDS = 12 * 3600",
        ),
    ] {
        assert!(
            read(&format!("examples/consumers/{file}")).contains(setting),
            "{file}: {setting}"
        );
        assert!(
            page.contains(&format!("examples/consumers/{file}")),
            "{file}"
        );
    }
}

/// The agent does not repeat a command that failed, so the recipe has none.
#[test]
fn consumers_files_need_no_command_after_a_change() {
    let agent = read("examples/consumers/files/agent.hcl");
    assert!(!agent.contains("exec {") && !agent.contains("command ="));
    let postfix = read("examples/consumers/files/main.cf");
    let table = "smtp_sasl_password_maps = texthash:/etc/postfix/sasl_passwd\n";
    assert!(agent.contains("/etc/postfix/sasl_passwd") && postfix.contains(table));
    for part in ["`max_idle`", "`max_use`", "| Postfix, by such an agent |"] {
        assert!(read("docs/consumers.md").contains(part), "{part}");
    }
}

/// The unit of the token's agent creates the folder that the agent and the script use.
#[test]
fn consumers_token_agent_has_a_unit_with_its_folder() {
    let read = |file: &str| read(&format!("examples/consumers/credential-process/{file}"));
    let unit = read("orders-token.service");
    for setting in [
        "User=orders",
        "RuntimeDirectory=vault-agent",
        "RuntimeDirectoryMode=0700",
        "RuntimeDirectoryPreserve=restart",
        "Restart=always",
        "LimitCORE=0",
    ] {
        assert!(unit.lines().any(|line| line == setting), "{setting}");
    }
    assert!(unit.contains("agent -config=/etc/vault-agent/orders-token.hcl\n"));
    for file in ["agent.hcl", "vault-credential-process"] {
        assert!(read(file).contains("/run/vault-agent/token"), "{file}");
    }
}
