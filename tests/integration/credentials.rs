//! Where `keysync` finds AWS credentials: the sources of the AWS CLI, and what is reported when one
//! of them fails.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use serde_json::json;

use crate::command::{CommandOutput, run};
use crate::proxy::serve;
use crate::stack::Stack;
use crate::test_env::TestEnv;

/// A home folder with AWS files. It is removed at the end.
pub struct Home(PathBuf);

impl Home {
    pub fn new(config: &str) -> Self {
        let home = std::env::temp_dir().join(format!("keysync-home-{:016x}", fastrand::u64(..)));
        std::fs::create_dir_all(home.join(".aws/sso/cache")).unwrap();
        std::fs::write(home.join(".aws/config"), config).unwrap();
        Self(home)
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs `token show` with the credential sources of a home folder only.
async fn token_show(env: &TestEnv<'_>, home: &Home, more: &[(&str, &str)]) -> CommandOutput {
    let mut variables = env.environment_with(&[
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", " "),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("HOME", home.path()),
        ("PATH", "/usr/bin:/bin"),
    ]);
    let more = more
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    variables.extend(more);
    run(&["token", "show"], &variables).await
}

/// Starts a server that answers each request with this text; returns its address, and where it
/// records the requests.
async fn answering(text: String) -> (String, Arc<Mutex<Vec<String>>>) {
    let requests = Arc::<Mutex<Vec<String>>>::default();
    let record = requests.clone();
    let answer = async move |request: Request| {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, 65536).await.unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        record.lock().unwrap().push(format!("{} {body}", parts.uri));
        text
    };
    (serve(Router::new().fallback(answer)).await, requests)
}

#[tokio::test]
async fn credentials_come_from_a_process_also_a_slow_one() {
    let env = TestEnv::new().await;
    let (id, secret) = (
        env.stack.text("/aws/accessKeyId"),
        env.stack.text("/aws/secretAccessKey"),
    );
    let answer = json!({"Version": 1, "AccessKeyId": id, "SecretAccessKey": secret}).to_string();
    let home =
        Home::new("[profile dev]\ncredential_process = sh -c \"sleep 5; cat $HOME/answer\"\n");
    home.write("answer", &answer);
    let output = token_show(&env, &home, &[("AWS_PROFILE", " dev\r")]).await;
    assert_eq!(output.code, 0, "{output:?}");
    home.write("answer", "{\"Version\": 1, \"AccessKeyId\": \"SENTINEL/\"");
    let output = token_show(&env, &home, &[("AWS_PROFILE", "dev")]).await;
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output
            .err
            .contains("run the credential_process of the profile"),
        "{output:?}"
    );
}

#[tokio::test]
async fn credentials_come_from_an_sso_session() {
    let env = TestEnv::new().await;
    let (id, secret) = (
        env.stack.text("/aws/accessKeyId"),
        env.stack.text("/aws/secretAccessKey"),
    );
    let role = json!({"roleCredentials": {
        "accessKeyId": id, "secretAccessKey": secret, "sessionToken": "made-up",
        "expiration": 4_102_444_800_000_u64,
    }});
    let (sso, requests) = answering(role.to_string()).await;
    let home = Home::new(
        "[profile dev]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\n\
         [sso-session corp]\nsso_region = ca-central-1\nsso_start_url = https://corp.awsapps.com/start\n",
    );
    let variables = [
        ("AWS_PROFILE", "dev"),
        ("AWS_ENDPOINT_URL_SSO", sso.as_str()),
    ];
    let output = token_show(&env, &home, &variables).await;
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("run `aws sso login`"), "{output:?}");
    // The name is the SHA-1 of the session's name.
    let token = json!({"accessToken": "made-up", "expiresAt": "2100-01-01T00:00:00Z"});
    let name = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
    home.write(name, &token.to_string());
    let output = token_show(&env, &home, &variables).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(requests.lock().unwrap()[0].contains("role_name=Reader"));
}

#[tokio::test]
async fn credentials_come_from_a_web_identity() {
    let env = TestEnv::new().await;
    let (id, secret) = (
        env.stack.text("/aws/accessKeyId"),
        env.stack.text("/aws/secretAccessKey"),
    );
    let assumed = format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{id}</AccessKeyId>\
         <SecretAccessKey>{secret}</SecretAccessKey><SessionToken>made-up</SessionToken>\
         <Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>\
         </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    );
    let (sts, requests) = answering(assumed).await;
    let home = Home::new("");
    let token = home.write("token", "the identity");
    let role = "arn:aws:iam::123456789012:role/Reader";
    let variables = [
        ("AWS_ROLE_ARN", role),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
        ("AWS_ENDPOINT_URL_STS", sts.as_str()),
    ];
    let output = token_show(&env, &home, &variables).await;
    assert_eq!(output.code, 0, "{output:?}");
    assert!(requests.lock().unwrap()[0].contains("AssumeRoleWithWebIdentity"));
}

#[tokio::test]
async fn credentials_that_are_missing_are_explained_by_their_source() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let home = Home::new(
        "[profile failing]\ncredential_process = sh -c \"echo expired >&2; exit 1\"\n\
         [profile login]\nlogin_session = arn:aws:iam::123456789012:user/jane\n\
         [profile empty]\nregion = ca-central-1\n\
         [profile endpoint]\nendpoint_url = nonsense\n",
    );
    for (variables, expected) in [
        (&[][..], "no AWS credentials found"),
        (&[("AWS_PROFILE", "")], "no AWS credentials found"),
        (
            &[("AWS_PROFILE", "absent")],
            "profile `absent` was not defined",
        ),
        (
            &[("AWS_PROFILE", "empty")],
            "AWS_PROFILE names a profile without credentials (empty)",
        ),
        (&[("AWS_PROFILE", "failing")], "expired"),
        (
            &[("AWS_PROFILE", "login")],
            "run `aws login` for the profile",
        ),
        (
            &[("AWS_PROFILE", "x"), ("AWS_CONFIG_FILE", "/nonexistent")],
            "AWS_CONFIG_FILE cannot be read (No such file",
        ),
        (
            &[
                ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/R"),
                ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent"),
            ],
            "AWS_WEB_IDENTITY_TOKEN_FILE cannot be read (No such file",
        ),
        (
            &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/token")],
            "AWS_ROLE_ARN: is not set",
        ),
        (
            &[("AWS_PROFILE", "endpoint"), ("AWS_ENDPOINT_URL", "")],
            "whose endpoint_url is not a URL",
        ),
    ] {
        let output = token_show(&env, &home, variables).await;
        assert!((1..=2).contains(&output.code), "{variables:?}: {output:?}");
        assert!(output.err.contains(expected), "{variables:?}: {output:?}");
        assert!(
            !output.err.contains("token import"),
            "{variables:?}: {output:?}"
        );
    }
}

#[tokio::test]
async fn doctor_does_not_ask_for_a_token_when_credentials_are_missing() {
    let env = TestEnv::without_token(Stack::shared()).await;
    let variables = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    for variables in [
        &variables[..],
        &[("AWS_ENDPOINT_URL", ""), ("AWS_REGION", "")],
    ] {
        let output = env.keysync_with(&["doctor"], variables, "").await;
        assert_eq!(output.code, 1, "{output:?}");
        assert!(!output.out.contains("token import"), "{output:?}");
    }
}
