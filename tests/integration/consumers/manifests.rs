//! The Kubernetes manifests match the schemas of the operators in `manifests.schema.json`.

use std::process::Command;

use serde_json::{Value, json};

use crate::stack::{checkout, read};

/// Parses the documents of a YAML file with the Python of the local stack.
fn documents(file: &str) -> Vec<Value> {
    let program = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))";
    let input = std::fs::File::open(checkout().join(file)).unwrap();
    let python = checkout().join(".local/venv/bin/python");
    let parsed = Command::new(python)
        .args(["-I", "-c", program])
        .stdin(input)
        .output();
    let parsed = parsed.unwrap();
    assert!(parsed.status.success(), "{file}: {parsed:?}");
    serde_json::from_slice(&parsed.stdout).unwrap()
}

/// Returns the violations of the schema of a document's kind.
fn violations(document: &Value) -> Vec<String> {
    let schemas: Value =
        serde_json::from_str(&read("tests/integration/consumers/manifests.schema.json")).unwrap();
    let text = |name: &str| document[name].as_str().unwrap().to_owned();
    let kind = format!("{}/{}", text("apiVersion"), text("kind"));
    assert!(schemas["$defs"][&kind].is_object(), "no schema of {kind}");
    let pointer = kind.replace('/', "~1");
    let schema = json!({"$ref": format!("#/$defs/{pointer}"), "$defs": schemas["$defs"]});
    let validator = jsonschema::options().build(&schema).unwrap();
    let errors = validator.iter_errors(document);
    errors
        .map(|error| format!("{kind}{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn kubernetes_manifests_match_the_schemas() {
    let mut count = 0;
    for entry in std::fs::read_dir(checkout().join("examples/consumers/kubernetes")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        for document in documents(&format!("examples/consumers/kubernetes/{name}")) {
            assert_eq!(violations(&document), [""; 0], "{name}");
            count += 1;
        }
    }
    assert_eq!(count, 8);
}

#[test]
fn kubernetes_schemas_reject_other_fields() {
    for (file, pointer, value) in [
        ("external-secrets", "/spec/refreshInterval", json!(300)),
        (
            "external-secrets",
            "/spec/target/deletionPolicy",
            json!("Keep"),
        ),
        ("external-secrets", "/spec/refreshEvery", json!("5m")),
        (
            "vault-secrets-operator",
            "/spec/refreshAfter",
            json!("5 minutes"),
        ),
        (
            "vault-secrets-operator",
            "/spec/rolloutRestartTargets/0/kind",
            json!("Pod"),
        ),
        ("vault-secrets-operator", "/spec/name", json!("orders")),
    ] {
        let file = format!("examples/consumers/kubernetes/{file}.yaml");
        let mut document = documents(&file).pop().unwrap();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = value;
        assert_eq!(violations(&document).len(), 1, "{pointer}");
    }
}

/// Each object that a manifest refers to is in the same file and namespace, or the page creates it.
#[test]
fn kubernetes_manifests_refer_to_existing_objects() {
    let page = read("docs/consumers.md");
    let mut missing = Vec::new();
    for name in ["external-secrets", "vault-secrets-operator", "velero"] {
        let documents = documents(&format!("examples/consumers/kubernetes/{name}.yaml"));
        for document in &documents {
            let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
            let namespace = text("/metadata/namespace").unwrap();
            let stores = [
                ("/spec/secretStoreRef/name", "SecretStore"),
                ("/spec/vaultConnectionRef", "VaultConnection"),
                ("/spec/vaultAuthRef", "VaultAuth"),
            ];
            for (pointer, kind) in stores {
                let Some(wanted) = text(pointer) else {
                    continue;
                };
                let metadata = json!({"name": wanted, "namespace": namespace});
                let exists =
                    |other: &Value| other["kind"] == *kind && other["metadata"] == metadata;
                if !documents.iter().any(exists) {
                    missing.push(format!("{name}: {kind} {namespace}/{wanted}"));
                }
            }
            let created = [
                ("/spec/provider/vault/caProvider/name", "configmap"),
                (
                    "/spec/provider/vault/auth/kubernetes/serviceAccountRef/name",
                    "serviceaccount",
                ),
                ("/spec/kubernetes/serviceAccount", "serviceaccount"),
                ("/spec/caCertSecretRef", "secret generic"),
            ];
            for (pointer, kind) in created {
                let Some(wanted) = text(pointer) else {
                    continue;
                };
                let command = format!("kubectl -n {namespace} create {kind} {wanted}");
                if !page.contains(&command) {
                    missing.push(format!("{name}: {command}"));
                }
            }
            let role = text("/spec/provider/vault/auth/kubernetes/role");
            if let Some(role) = role.or(text("/spec/kubernetes/role")) {
                let command = format!("vault write auth/kubernetes/role/{role} ");
                if !page.contains(&command) {
                    missing.push(format!("{name}: {command}"));
                }
            }
        }
    }
    assert_eq!(missing, [""; 0]);
}
