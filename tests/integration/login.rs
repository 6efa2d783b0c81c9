//! The login to Vault with the AWS identity. OpenBao has this auth method only as a plugin, so a
//! server in front of it answers the login as Vault does: it sends the signed request to STS of the
//! emulator, which verifies signatures, and hands out a token of OpenBao.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::credentials::Home;
use crate::proxy::serve;
use crate::stack::Stack;
use crate::test_env::TestEnv;

const ROLE: &str = "iam-key-sync";
const SERVER_ID: &str = "vault.example.org";

/// What a login endpoint does instead of answering.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Status(u16, &'static str),
    Hang,
    LoseAnswer,
}

struct Inner {
    vault: String,
    sts: String,
    vault_client: reqwest::Client,
    sts_client: reqwest::Client,
    /// The tokens to hand out, one after the other; the last one again and again.
    tokens: Mutex<Vec<String>>,
    ttl: u64,
    logins: AtomicUsize,
    fault: Mutex<Option<Fault>>,
    principal: Mutex<String>,
    /// The headers of the last login, as they were sent.
    sent_headers: Mutex<String>,
}

/// A server in front of OpenBao with the auth method `aws`.
struct LoginEndpoint {
    url: String,
    aws_authority: String,
    inner: Arc<Inner>,
}

impl LoginEndpoint {
    async fn start(env: &TestEnv<'_>, ttl: u64, tokens: Vec<String>) -> Self {
        let aws_authority = env.stack.text("/aws/caFile");
        let authority = std::fs::read(&aws_authority).unwrap();
        let authority = reqwest::Certificate::from_pem(&authority).unwrap();
        let sts_client = reqwest::Client::builder()
            .tls_certs_only([authority])
            .no_proxy();
        let inner = Arc::new(Inner {
            vault: env.stack.text("/vault/addr"),
            sts: env.stack.text("/aws/endpoint"),
            vault_client: env.stack.vault_client(),
            sts_client: sts_client.build().unwrap(),
            tokens: Mutex::new(tokens),
            ttl,
            logins: AtomicUsize::default(),
            fault: Mutex::default(),
            principal: Mutex::default(),
            sent_headers: Mutex::default(),
        });
        let url = serve(Router::new().fallback(answer).with_state(inner.clone())).await;
        Self {
            url,
            aws_authority,
            inner,
        }
    }

    fn logins(&self) -> usize {
        self.inner.logins.load(Ordering::Relaxed)
    }

    fn fail(&self, fault: Option<Fault>) {
        *self.inner.fault.lock().unwrap() = fault;
    }

    fn variables(&self) -> [(&str, &str); 6] {
        [
            ("AWS_CA_BUNDLE", &self.aws_authority),
            ("VAULT_ADDR", &self.url),
            ("VAULT_CACERT", ""),
            ("VAULT_AUTH_METHOD", "aws"),
            ("VAULT_AUTH_ROLE", ROLE),
            ("VAULT_AUTH_AWS_SERVER_ID", SERVER_ID),
        ]
    }
}

fn respond(status: u16, body: &Value) -> Response {
    let response = Response::builder().status(status);
    response.body(Body::from(body.to_string())).unwrap()
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    if parts.uri.path() == "/v1/auth/aws/login" {
        let login = serde_json::from_slice(&body).unwrap();
        return log_in(&inner, &login).await;
    }
    let url = format!("{}{}", inner.vault, parts.uri);
    let request = inner.vault_client.request(parts.method, url);
    let answer = request.headers(parts.headers).body(body).send().await;
    let answer = answer.unwrap();
    let response = Response::builder().status(answer.status());
    response
        .body(Body::from(answer.bytes().await.unwrap()))
        .unwrap()
}

async fn log_in(inner: &Inner, login: &Value) -> Response {
    let number = inner.logins.fetch_add(1, Ordering::Relaxed);
    let fault = *inner.fault.lock().unwrap();
    match fault {
        Some(Fault::Status(status, text)) => return respond(status, &json!({"errors": [text]})),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::LoseAnswer) | None => {}
    }
    let refused = |text: &str| respond(400, &json!({"errors": [text]}));
    if login["role"] != ROLE {
        return refused(&format!("entry for role {} not found", login["role"]));
    }
    login["iam_request_headers"]
        .as_str()
        .unwrap()
        .clone_into(&mut inner.sent_headers.lock().unwrap());
    let decoded = |name: &str| {
        let text = login[name].as_str().unwrap();
        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
    };
    let headers = decoded("iam_request_headers");
    let headers: BTreeMap<String, Vec<String>> = serde_json::from_str(&headers).unwrap();
    if headers.get("X-Vault-AWS-IAM-Server-ID") != Some(&vec![SERVER_ID.to_owned()]) {
        return refused("error validating X-Vault-AWS-IAM-Server-ID header: missing header");
    }
    let authorization = &headers["authorization"][0];
    assert!(
        authorization.contains("x-vault-aws-iam-server-id"),
        "not signed"
    );
    assert_eq!(login["iam_http_request_method"], "POST");
    let url = decoded("iam_request_url");
    assert_eq!(url, "https://sts.ca-central-1.amazonaws.com/");
    let mut request = inner.sts_client.post(format!("{}/", inner.sts));
    for (name, values) in &headers {
        for value in values {
            request = request.header(name, value);
        }
    }
    let identity = request.body(decoded("iam_request_body")).send().await;
    let identity = identity.unwrap();
    let (status, text) = (identity.status().as_u16(), identity.text().await.unwrap());
    if status != 200 {
        let text = format!("error making upstream request: received error code {status}: {text}");
        return refused(&text);
    }
    let arn = text.split_once("<Arn>").unwrap().1;
    arn.split_once("</Arn>")
        .unwrap()
        .0
        .clone_into(&mut inner.principal.lock().unwrap());
    if fault == Some(Fault::LoseAnswer) {
        crate::proxy::cut_connection();
    }
    let tokens = inner.tokens.lock().unwrap();
    let token = tokens.get(number).or(tokens.last()).unwrap();
    respond(
        200,
        &json!({"auth": {"client_token": token, "lease_duration": inner.ttl, "renewable": false}}),
    )
}

/// Returns a batch token of the policy for keys, as the role of a login hands out.
async fn batch_token(env: &TestEnv<'_>) -> String {
    let properties = json!({"type": "batch", "policies": ["iam-key-sync"], "ttl": "20m"});
    env.create_token(&properties).await
}

#[tokio::test]
async fn login_with_the_aws_identity_replaces_the_stored_token() {
    let stack = Stack::start(&["--enforce"]);
    let env = TestEnv::without_token(&stack).await;
    let tokens = vec![batch_token(&env).await, batch_token(&env).await];
    let endpoint = LoginEndpoint::start(&env, 1200, tokens.clone()).await;
    let trace = [("LOG_LEVEL", "trace")];
    let variables = [&endpoint.variables()[..], &trace].concat();
    let function = env.function_with(&variables).await;
    for n in 0..3 {
        let key = env.rotate("alice").await;
        let event = env.event("Update", "alice");
        let report = function.invoke(&event).await.unwrap();
        assert_eq!(report["counts"]["written"], 1, "{n}: {report}");
        assert_eq!(env.key("alice").await.unwrap().0, key);
    }
    let run = json!({"action": "reconcile", "force": true});
    function.invoke(&run).await.unwrap();
    assert_eq!(endpoint.logins(), 1);
    let principal = endpoint.inner.principal.lock().unwrap().clone();
    assert!(principal.starts_with("arn:aws:"), "{principal}");
    assert_eq!(
        env.object("vault-token.json").await,
        None,
        "nothing is stored"
    );
    let sent = endpoint.inner.sent_headers.lock().unwrap().clone();
    assert!(sent.len() > 100, "no headers were sent");
    let mut secrets = tokens;
    secrets.push(sent);
    secrets.extend(["AWS4-HMAC-SHA256", "Signature="].map(str::to_owned));
    for line in function.lines() {
        for secret in &secrets {
            assert!(!line.contains(secret), "the log contains a secret");
        }
    }
    for (variable, value, mentioned) in [
        ("VAULT_AUTH_ROLE", "another", "VAULT_AUTH_ROLE"),
        ("VAULT_AUTH_AWS_SERVER_ID", "", "VAULT_AUTH_AWS_SERVER_ID"),
    ] {
        let variables = [&endpoint.variables()[..], &[(variable, value)]].concat();
        let output = env.keysync_line("token show", &variables).await;
        assert_eq!(output.code, 1, "{output:?}");
        assert!(output.err.contains(mentioned), "{output:?}");
    }
    let output = env.keysync_line("token show", &endpoint.variables()).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.out.contains("login"), "{output:?}");
    let output = env.keysync_line("doctor", &endpoint.variables()).await;
    assert!(output.out.contains("of a login at auth/aws"), "{output:?}");
}

#[tokio::test]
async fn login_faults_are_named_and_end_in_time() {
    let stack = Stack::start(&["--enforce"]);
    let env = TestEnv::without_token(&stack).await;
    let tokens = vec![batch_token(&env).await];
    let endpoint = LoginEndpoint::start(&env, 1200, tokens).await;
    let key = env.rotate("alice").await;
    for (fault, mentioned) in [
        (Fault::Status(503, "Vault is sealed"), "sealed"),
        (Fault::Status(403, "permission denied"), "VAULT_AUTH_MOUNT"),
        (
            Fault::Status(400, "IAM Principal \"x\" does not belong to the role"),
            "bound_iam_principal_arn",
        ),
        (
            Fault::Status(400, "Credential should be scoped to a valid region"),
            "VAULT_AUTH_AWS_REGION",
        ),
        (
            Fault::Status(400, "Signature expired: 20260101T000000Z"),
            "clock",
        ),
        (Fault::Hang, "time limit"),
        (Fault::LoseAnswer, ""),
    ] {
        endpoint.fail(Some(fault));
        let function = env.function_with(&endpoint.variables()).await;
        let began = std::time::Instant::now();
        let event = env.event("Update", "alice");
        let error = function.invoke(&event).await.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(25), "{fault:?}");
        let message = error["errorMessage"].as_str().unwrap();
        assert!(message.contains(mentioned), "{fault:?}: {message}");
        assert!(env.key("alice").await.is_none());
        endpoint.fail(None);
        let report = function.invoke(&event).await.unwrap();
        assert_eq!(report["counts"]["written"], 1, "{fault:?}: {report}");
        assert_eq!(env.key("alice").await.unwrap().0, key);
        env.forget_key("alice").await;
    }
    // A rate limit slows a login down.
    endpoint.fail(Some(Fault::Status(429, "rate limit")));
    let function = env.function_with(&endpoint.variables()).await;
    let logins = endpoint.logins();
    let event = env.event("Update", "alice");
    let lifted = async {
        while endpoint.logins() < logins + 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        endpoint.fail(None);
    };
    let (report, ()) = tokio::join!(function.invoke(&event), lifted);
    assert_eq!(report.unwrap()["counts"]["written"], 1);
}

#[tokio::test]
async fn login_works_with_assumed_roles_and_web_identities() {
    let stack = Stack::start(&["--enforce"]);
    let env = TestEnv::without_token(&stack).await;
    let endpoint = LoginEndpoint::start(&env, 1200, vec![batch_token(&env).await]).await;
    let (id, secret) = (
        stack.text("/aws/accessKeyId"),
        stack.text("/aws/secretAccessKey"),
    );
    let role = |name: &str| stack.command(&format!("assumable {name}"))["arn"].clone();
    let (operator, workload) = (role("Operator"), role("Workload"));
    let (operator, workload) = (operator.as_str().unwrap(), workload.as_str().unwrap());
    let home = Home::new(&format!(
        "[profile base]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n\
         [profile dev]\nsource_profile = base\n\
         role_arn = {operator}\n",
    ));
    let token = home.write("token", "the identity");
    let common = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("HOME", home.path()),
    ];
    let web_identity = [
        ("AWS_ROLE_ARN", workload),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
    ];
    for (variables, principal) in [
        (&[("AWS_PROFILE", "dev")][..], "assumed-role/Operator/"),
        (&web_identity, "assumed-role/Workload/"),
    ] {
        let variables = [&endpoint.variables()[..], &common, variables].concat();
        let output = env.keysync_line("token show", &variables).await;
        assert_eq!(output.code, 0, "{principal}: {output:?}");
        let found = endpoint.inner.principal.lock().unwrap().clone();
        assert!(found.contains(principal), "{principal}: {found}");
    }
}
