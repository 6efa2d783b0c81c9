//! A world that is broken: what each command says of it. One sentence, which names what is wrong and what to do.

use axum::Router;
use axum::http::StatusCode;
use futures_util::future::join_all;
use insta::assert_snapshot;
use serde_json::json;

use super::transcript::{Transcript, equal_names};
use crate::corner::{Corner, Key};
use crate::faults::vault_away::foreign_authority;
use crate::stack::Stack;

const EACH: [&str; 6] = [
    "sync alice",
    "plan",
    "reconcile --force",
    "status",
    "explain alice",
    "token show",
];

/// A corner with alice's key, and what must never be shown: the key's secret, and the token.
async fn corner() -> (Corner<'static>, Key, String) {
    let corner = Corner::without_token(Stack::shared()).await;
    let token = corner.stack.token("sync", "72h");
    corner.store_token(&token).await;
    let key = corner.rotate("alice").await;
    (corner, key, token)
}

/// What these commands say, each in a corner of its own, where these variables are set otherwise.
async fn complaints(lines: &[&str], variables: &[(&str, &str)]) -> String {
    let told = lines.iter().map(async |line| {
        let (corner, key, token) = corner().await;
        let mut terminal = Transcript::of(&corner, &[&key.secret, &token]).with(variables);
        terminal.fails(line).await;
        assert_eq!(corner.key("alice").await, None, "nothing was written");
        terminal.text()
    });
    join_all(told).await.concat()
}

#[tokio::test]
async fn nobody_of_that_name() {
    let _equal = equal_names();
    assert_snapshot!(complaints(&["sync nobody", "plan nobody", "explain nobody", "status nobody"], &[]).await, @r"
    $ keysync sync nobody
    USER    OUTCOME  WHY
    nobody  missing  there is no parameter, and nothing says that the user was
                     deleted; check the name, the Region and SSM_PARAMETER_PREFIX

    1 missing; N s
    [1]
    $ keysync plan nobody
    USER    OUTCOME  WHY
    nobody  missing  there is no parameter, and nothing says that the user was
                     deleted; check the name, the Region and SSM_PARAMETER_PREFIX

    1 missing; N s
    [3]
    $ keysync explain nobody
    nobody      missing
    parameter   There is no parameter /CORNER/nobody_keys in this
                account and Region.
    roster      There is no roster to ask whether the user was removed.
    record      Nothing is recorded of this user.
    Vault       There is nothing at
                secret/aws/iam-keys/CORNER/nobody.
    last sweep  No sweep is recorded yet.
    plan        A sync would leave Vault as it is: there is no parameter, and
                nothing says that the user was deleted; check the name, the Region
                and SSM_PARAMETER_PREFIX.
    what to do  Check the user's name, the Region and SSM_PARAMETER_PREFIX; if
                they are right, ask the platform team why the user has no
                parameter.
    [3]
    $ keysync status nobody
    USER    STATUS   LAST SYNC  KEY AGE  LEFT  VERSIONS
    nobody  missing  never      -        -     - -> -

    nobody  there is no parameter, and nothing says that the user was deleted;
            check the name, the Region and SSM_PARAMETER_PREFIX
    Run `keysync explain USER` for the whole story.

    Users        1 missing
    Last sweep   none recorded
    Vault token  expires in 71 h (TIME), period 72 h
    [3]
    ");
}

#[tokio::test]
async fn no_network_to_aws() {
    let _equal = equal_names();
    assert_snapshot!(complaints(&EACH, &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]).await, @"
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  failed   reading the Vault token
                    s3://CORNER/vault-token.json: the connection
                    failed: check the network, AWS_REGION and AWS_ENDPOINT_URL;
                    worth another try later

    1 failed; N s
    [1]
    $ keysync plan
    nobody was looked at; N s
    ! error: the sweep is incomplete: not everybody was listed: listing the states s3://CORNER/sync-state/users/: the connection failed: check the network, AWS_REGION and AWS_ENDPOINT_URL; worth another try later; reading the Vault token s3://CORNER/vault-token.json: the connection failed: check the network, AWS_REGION and AWS_ENDPOINT_URL; worth another try later
    [1]
    $ keysync reconcile --force
    ! error: reading the record of the last sweep s3://CORNER/sync-state/last-run.json: the connection failed: check the network, AWS_REGION and AWS_ENDPOINT_URL; worth another try later
    [1]
    $ keysync status
    Users       nobody was looked at
    Last sweep  not known
    ! error: not everybody was listed: listing the states s3://CORNER/sync-state/users/: the connection failed: check the network, AWS_REGION and AWS_ENDPOINT_URL; worth another try later
    ! error: reading the record of the last sweep s3://CORNER/sync-state/last-run.json: the connection failed: check the network, AWS_REGION and AWS_ENDPOINT_URL; worth another try later
    ! error: reading the Vault token s3://CORNER/vault-token.json: the connection failed: check the network, AWS_REGION and AWS_ENDPOINT_URL; worth another try later
    [1]
    $ keysync explain alice
    alice       failed
    last sweep  The record of the last sweep could not be read.
    plan        A sync would fail: reading the Vault token
                s3://CORNER/vault-token.json: the connection
                failed: check the network, AWS_REGION and AWS_ENDPOINT_URL; worth
                another try later.
    what to do  Mend what the reason names, then run this again.
    [1]
    $ keysync token show
    ! error: reading the Vault token s3://CORNER/vault-token.json: the connection failed: check the network, AWS_REGION and AWS_ENDPOINT_URL; worth another try later
    [1]
    ");
}

#[tokio::test]
async fn no_vault_at_the_address() {
    let _equal = equal_names();
    assert_snapshot!(complaints(&EACH, &[("VAULT_ADDR", "https://127.0.0.1:1")]).await, @"
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  failed   reading Vault's metadata of
                    secret/aws/iam-keys/CORNER/alice: no answer
                    (the connection was refused; check VAULT_ADDR, and that Vault
                    runs there); worth another try later

    1 failed; N s
    [1]
    $ keysync plan
    USER   OUTCOME   WHY
    alice  to write  new: no key of this user was recorded

    1 to write; N s
    ! error: the sweep is incomplete: looking up the Vault token at https://127.0.0.1:PORT/: no answer (the connection was refused; check VAULT_ADDR, and that Vault runs there); worth another try later
    [1]
    $ keysync reconcile --force
    USER   OUTCOME  WHY
    alice  failed   writing the key to Vault at
                    secret/aws/iam-keys/CORNER/alice: no answer
                    (the connection was refused; check VAULT_ADDR, and that Vault
                    runs there); worth another try later

    1 failed; N s
    ! error: the sweep is incomplete: 1 failed (alice); the Vault token could not be looked after: looking up the Vault token at https://127.0.0.1:PORT/: no answer (the connection was refused; check VAULT_ADDR, and that Vault runs there); worth another try later
    [1]
    $ keysync status
    USER   STATUS  LAST SYNC  KEY AGE  LEFT  VERSIONS
    alice  new     never      <1 min   -     1 -> -

    alice  new: no key of this user was recorded
    Run `keysync explain USER` for the whole story.

    Users       1 new
    Last sweep  none recorded
    ! error: looking up the Vault token at https://127.0.0.1:PORT/: no answer (the connection was refused; check VAULT_ADDR, and that Vault runs there); worth another try later
    [1]
    $ keysync explain alice
    alice       failed
    parameter   /CORNER/alice_keys holds the key …KEY in its
                version 1, put less than a minute ago (TIME).
    record      Nothing is recorded of this user.
    Vault       secret/aws/iam-keys/CORNER/alice was not looked at.
    last sweep  No sweep is recorded yet.
    plan        A sync would fail: reading Vault's metadata of
                secret/aws/iam-keys/CORNER/alice: no answer (the
                connection was refused; check VAULT_ADDR, and that Vault runs
                there); worth another try later.
    what to do  Mend what the reason names, then run this again.
    [1]
    $ keysync token show
    ! error: looking up the Vault token at https://127.0.0.1:PORT/: no answer (the connection was refused; check VAULT_ADDR, and that Vault runs there); worth another try later
    [1]
    ");
}

#[tokio::test]
async fn a_vault_whose_name_does_not_resolve() {
    let _equal = equal_names();
    assert_snapshot!(complaints(&["sync alice", "token show"], &[("VAULT_ADDR", "https://vault.invalid")]).await, @r"
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  failed   reading Vault's metadata of
                    secret/aws/iam-keys/CORNER/alice: no answer
                    (the name does not resolve; check VAULT_ADDR); worth another
                    try later

    1 failed; N s
    [1]
    $ keysync token show
    ! error: looking up the Vault token at https://vault.invalid/: no answer (the name does not resolve; check VAULT_ADDR); worth another try later
    [1]
    ");
}

#[tokio::test]
async fn a_vault_of_an_authority_that_is_not_trusted() {
    let _equal = equal_names();
    let (corner, ..) = corner().await;
    let foreign = foreign_authority(&corner);
    assert_snapshot!(complaints(&["sync alice", "token show"], &[("VAULT_CACERT", &foreign)]).await, @r"
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  failed   reading Vault's metadata of
                    secret/aws/iam-keys/CORNER/alice: no answer
                    (the certificate is of an issuer that is not trusted; check
                    VAULT_CACERT (invalid peer certificate: UnknownIssuer)); worth
                    another try later

    1 failed; N s
    [1]
    $ keysync token show
    ! error: looking up the Vault token at https://127.0.0.1:PORT/: no answer (the certificate is of an issuer that is not trusted; check VAULT_CACERT (invalid peer certificate: UnknownIssuer)); worth another try later
    [1]
    ");
}

#[tokio::test]
async fn a_sealed_vault() {
    let _equal = equal_names();
    // A real one unseals itself in the midst of this; what it answers until then, the doctor's tests see.
    let sealed = answering(
        StatusCode::SERVICE_UNAVAILABLE,
        r#"{"errors": ["Vault is sealed"]}"#,
    )
    .await;
    assert_snapshot!(complaints(&EACH, &[("VAULT_ADDR", &sealed), ("VAULT_CACERT", "")]).await, @"
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  failed   reading Vault's metadata of
                    secret/aws/iam-keys/CORNER/alice: Vault
                    answered 503: it is sealed or in maintenance; unseal it; worth
                    another try later

    1 failed; N s
    [1]
    $ keysync plan
    USER   OUTCOME   WHY
    alice  to write  new: no key of this user was recorded

    1 to write; N s
    ! error: the sweep is incomplete: looking up the Vault token at http://127.0.0.1:PORT/: Vault answered 503: it is sealed or in maintenance; unseal it; worth another try later
    [1]
    $ keysync reconcile --force
    USER   OUTCOME  WHY
    alice  failed   writing the key to Vault at
                    secret/aws/iam-keys/CORNER/alice: Vault
                    answered 503: it is sealed or in maintenance; unseal it; worth
                    another try later

    1 failed; N s
    ! error: the sweep is incomplete: 1 failed (alice); the Vault token could not be looked after: looking up the Vault token at http://127.0.0.1:PORT/: Vault answered 503: it is sealed or in maintenance; unseal it; worth another try later
    [1]
    $ keysync status
    USER   STATUS  LAST SYNC  KEY AGE  LEFT  VERSIONS
    alice  new     never      <1 min   -     1 -> -

    alice  new: no key of this user was recorded
    Run `keysync explain USER` for the whole story.

    Users       1 new
    Last sweep  none recorded
    ! error: looking up the Vault token at http://127.0.0.1:PORT/: Vault answered 503: it is sealed or in maintenance; unseal it; worth another try later
    [1]
    $ keysync explain alice
    alice       failed
    parameter   /CORNER/alice_keys holds the key …KEY in its
                version 1, put less than a minute ago (TIME).
    record      Nothing is recorded of this user.
    Vault       secret/aws/iam-keys/CORNER/alice was not looked at.
    last sweep  No sweep is recorded yet.
    plan        A sync would fail: reading Vault's metadata of
                secret/aws/iam-keys/CORNER/alice: Vault answered
                503: it is sealed or in maintenance; unseal it; worth another try
                later.
    what to do  Mend what the reason names, then run this again.
    [1]
    $ keysync token show
    ! error: looking up the Vault token at http://127.0.0.1:PORT/: Vault answered 503: it is sealed or in maintenance; unseal it; worth another try later
    [1]
    ");
}

#[tokio::test]
async fn a_token_that_is_expired_or_revoked() {
    let _equal = equal_names();
    assert_snapshot!(complaints(&EACH, &[("VAULT_TOKEN", "hvs.sentinel")]).await, @"
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  failed   looking up the Vault token at https://127.0.0.1:PORT/:
                    denied; the token is expired or revoked, or its policies lack
                    lookup-self and renew-self (those of default): store a new one

    1 failed; N s
    [1]
    $ keysync plan
    USER   OUTCOME   WHY
    alice  to write  new: no key of this user was recorded

    1 to write; N s
    ! error: the sweep is incomplete: looking up the Vault token at https://127.0.0.1:PORT/: denied; the token is expired or revoked, or its policies lack lookup-self and renew-self (those of default): store a new one
    [1]
    $ keysync reconcile --force
    USER   OUTCOME  WHY
    alice  failed   writing the key to Vault at
                    secret/aws/iam-keys/CORNER/alice: denied; check
                    that the token is alive (lookup-self) and that its policy
                    allows create and update on the path's data

    1 failed; N s
    ! error: the sweep is incomplete: 1 failed (alice); the Vault token could not be looked after: looking up the Vault token at https://127.0.0.1:PORT/: denied; the token is expired or revoked, or its policies lack lookup-self and renew-self (those of default): store a new one
    [1]
    $ keysync status
    USER   STATUS  LAST SYNC  KEY AGE  LEFT  VERSIONS
    alice  new     never      <1 min   -     1 -> -

    alice  new: no key of this user was recorded
    Run `keysync explain USER` for the whole story.

    Users       1 new
    Last sweep  none recorded
    ! error: looking up the Vault token at https://127.0.0.1:PORT/: denied; the token is expired or revoked, or its policies lack lookup-self and renew-self (those of default): store a new one
    [1]
    $ keysync explain alice
    alice       failed
    parameter   /CORNER/alice_keys holds the key …KEY in its
                version 1, put less than a minute ago (TIME).
    record      Nothing is recorded of this user.
    Vault       secret/aws/iam-keys/CORNER/alice was not looked at.
    last sweep  No sweep is recorded yet.
    plan        A sync would fail: looking up the Vault token at
                https://127.0.0.1:PORT/: denied; the token is expired or revoked,
                or its policies lack lookup-self and renew-self (those of
                default): store a new one.
    what to do  Mend what the reason names, then run this again.
    [1]
    $ keysync token show
    ! error: looking up the Vault token at https://127.0.0.1:PORT/: denied; the token is expired or revoked, or its policies lack lookup-self and renew-self (those of default): store a new one
    [1]
    ");
}

#[tokio::test]
async fn a_token_without_the_policy() {
    let _equal = equal_names();
    let (corner, key, _) = corner().await;
    let token = corner
        .make_token(&json!({"policies": ["default"], "period": "72h"}))
        .await;
    corner.store_token(&token).await;
    let mut terminal = Transcript::of(&corner, &[&key.secret, &token]);
    terminal.fails("sync alice").await;
    terminal.fails("reconcile").await;
    assert_snapshot!(terminal.text(), @"
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  failed   writing the key to Vault at
                    secret/aws/iam-keys/CORNER/alice: denied; check
                    that the token is alive (lookup-self) and that its policy
                    allows create and update on the path's data

    1 failed; N s
    ! warning: the Vault token may not read metadata: keys are synced, but drift in Vault is not seen, and a write whose guard Vault refuses is made without one; allow what `keysync policy vault` prints
    [1]
    $ keysync reconcile
    USER   OUTCOME  WHY
    alice  failed   writing the key to Vault at
                    secret/aws/iam-keys/CORNER/alice: denied; check
                    that the token is alive (lookup-self) and that its policy
                    allows create and update on the path's data

    1 failed; N s
    ! error: the sweep is incomplete: 1 failed (alice)
    [1]
    ");
}

#[tokio::test]
async fn no_token_object_and_damaged_ones() {
    let _equal = equal_names();
    let corner = Corner::without_token(Stack::shared()).await;
    let key = corner.rotate("alice").await;
    let mut terminal = Transcript::of(&corner, &[&key.secret, "sentinel"]);
    terminal.fails("sync alice").await;
    terminal.fails("token show").await;
    for damaged in [
        r#"{"token": "sentinel"#,
        r#"["sentinel"]"#,
        r#"{"token": "senti nel"}"#,
        "",
    ] {
        corner.store("vault-token.json", damaged.to_owned()).await;
        terminal.fails("token show").await;
    }
    assert_snapshot!(terminal.text(), @r#"
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  failed   reading the Vault token
                    s3://CORNER/vault-token.json: there is no token
                    object; store a token with `keysync token import`

    1 failed; N s
    [1]
    $ keysync token show
    ! error: reading the Vault token s3://CORNER/vault-token.json: there is no token object; store a token with `keysync token import`
    [1]
    $ keysync token show
    ! error: reading the Vault token s3://CORNER/vault-token.json: the token object is not one (line 1, column 19), expected {"token": "…", "createdAt", "expiresAt", "renewable", "ttl"}; store a token with `keysync token import`
    [1]
    $ keysync token show
    ! error: reading the Vault token s3://CORNER/vault-token.json: the token object is not one, expected {"token": "…", "createdAt", "expiresAt", "renewable", "ttl"}; store a token with `keysync token import`
    [1]
    $ keysync token show
    ! error: reading the Vault token s3://CORNER/vault-token.json: the token in the token object is empty or holds characters that no token has, expected {"token": "…", "createdAt", "expiresAt", "renewable", "ttl"}; store a token with `keysync token import`
    [1]
    $ keysync token show
    ! error: reading the Vault token s3://CORNER/vault-token.json: the token object is not one, expected {"token": "…", "createdAt", "expiresAt", "renewable", "ttl"}; store a token with `keysync token import`
    [1]
    "#);
}

#[tokio::test]
async fn no_such_bucket() {
    let _equal = equal_names();
    assert_snapshot!(complaints(&EACH, &[("S3_BUCKET_NAME", "no-such-bucket")]).await, @"
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  failed   reading the Vault token s3://no-such-bucket/vault-token.json:
                    it does not exist; check S3_BUCKET_NAME and AWS_REGION: there
                    is no such bucket in this Region

    1 failed; N s
    [1]
    $ keysync plan
    USER   OUTCOME  WHY
    alice  failed   reading the state
                    s3://no-such-bucket/sync-state/users/alice.json: it does not
                    exist; check S3_BUCKET_NAME and AWS_REGION: there is no such
                    bucket in this Region

    1 failed; N s
    ! error: the sweep is incomplete: not everybody was listed: listing the states s3://no-such-bucket/sync-state/users/: it does not exist; check S3_BUCKET_NAME and AWS_REGION: there is no such bucket in this Region; reading the Vault token s3://no-such-bucket/vault-token.json: it does not exist; check S3_BUCKET_NAME and AWS_REGION: there is no such bucket in this Region
    [1]
    $ keysync reconcile --force
    ! error: reading the record of the last sweep s3://no-such-bucket/sync-state/last-run.json: it does not exist; check S3_BUCKET_NAME and AWS_REGION: there is no such bucket in this Region
    [1]
    $ keysync status
    USER   STATUS  LAST SYNC  KEY AGE  LEFT  VERSIONS
    alice  failed  -          -        -     - -> -

    alice  reading the state s3://no-such-bucket/sync-state/users/alice.json: it
           does not exist; check S3_BUCKET_NAME and AWS_REGION: there is no such
           bucket in this Region
    Run `keysync explain USER` for the whole story.

    Users       1 failed
    Last sweep  not known
    ! error: not everybody was listed: listing the states s3://no-such-bucket/sync-state/users/: it does not exist; check S3_BUCKET_NAME and AWS_REGION: there is no such bucket in this Region
    ! error: reading the record of the last sweep s3://no-such-bucket/sync-state/last-run.json: it does not exist; check S3_BUCKET_NAME and AWS_REGION: there is no such bucket in this Region
    ! error: reading the Vault token s3://no-such-bucket/vault-token.json: it does not exist; check S3_BUCKET_NAME and AWS_REGION: there is no such bucket in this Region
    [1]
    $ keysync explain alice
    alice       failed
    last sweep  The record of the last sweep could not be read.
    plan        A sync would fail: reading the Vault token
                s3://no-such-bucket/vault-token.json: it does not exist; check
                S3_BUCKET_NAME and AWS_REGION: there is no such bucket in this
                Region.
    what to do  Mend what the reason names, then run this again.
    [1]
    $ keysync token show
    ! error: reading the Vault token s3://no-such-bucket/vault-token.json: it does not exist; check S3_BUCKET_NAME and AWS_REGION: there is no such bucket in this Region
    [1]
    ");
}

/// A server that answers everything so.
async fn answering(status: StatusCode, body: &str) -> String {
    let body = body.to_owned();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new().fallback(async move || (status, body));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

#[tokio::test]
async fn a_bucket_of_somebody_else_and_one_in_another_region() {
    let _equal = equal_names();
    let mut told = String::new();
    for (status, code) in [
        (StatusCode::FORBIDDEN, "AccessDenied"),
        (StatusCode::MOVED_PERMANENTLY, "PermanentRedirect"),
        (StatusCode::BAD_REQUEST, "AuthorizationHeaderMalformed"),
    ] {
        // The message quotes what no output may hold.
        let body = format!("<Error><Code>{code}</Code><Message>sentinel-message</Message></Error>");
        let url = answering(status, &body).await;
        told += &complaints(
            &["sync alice", "reconcile"],
            &[("AWS_ENDPOINT_URL_S3", &url)],
        )
        .await;
        assert!(!told.contains("sentinel"), "{told}");
    }
    assert_snapshot!(told, @r"
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  failed   reading the Vault token
                    s3://CORNER/vault-token.json: denied; allow
                    s3:GetObject on it and s3:ListBucket on the bucket, and check
                    the bucket's name and key

    1 failed; N s
    [1]
    $ keysync reconcile
    ! error: reading the record of the last sweep s3://CORNER/sync-state/last-run.json: denied; allow s3:GetObject on it and s3:ListBucket on the bucket, and check the bucket's name and key
    [1]
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  failed   reading the Vault token
                    s3://CORNER/vault-token.json: it does not
                    exist; check S3_BUCKET_NAME and AWS_REGION: there is no such
                    bucket in this Region

    1 failed; N s
    [1]
    $ keysync reconcile
    ! error: reading the record of the last sweep s3://CORNER/sync-state/last-run.json: it does not exist; check S3_BUCKET_NAME and AWS_REGION: there is no such bucket in this Region
    [1]
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  failed   reading the Vault token
                    s3://CORNER/vault-token.json: it does not
                    exist; check S3_BUCKET_NAME and AWS_REGION: there is no such
                    bucket in this Region

    1 failed; N s
    [1]
    $ keysync reconcile
    ! error: reading the record of the last sweep s3://CORNER/sync-state/last-run.json: it does not exist; check S3_BUCKET_NAME and AWS_REGION: there is no such bucket in this Region
    [1]
    ");
}

#[tokio::test]
async fn another_region_than_that_of_the_parameters() {
    let _equal = equal_names();
    let (corner, key, token) = corner().await;
    // State and token are where they should be; Parameter Store is the one that this Region would have.
    let (s3, url) = (
        corner.stack.text("/aws/endpoint"),
        ("AWS_REGION", "eu-west-1"),
    );
    let token_there = ("VAULT_TOKEN", token.as_str());
    let basic = [
        url,
        token_there,
        ("S3_BUCKET_NAME", ""),
        ("AWS_ENDPOINT_URL", s3.as_str()),
    ];
    let mut terminal = Transcript::of(&corner, &[&key.secret, &token]).with(&basic);
    terminal.fails("sync alice").await;
    terminal.run("status").await;
    assert_snapshot!(terminal.text(), @"
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  missing  there is no parameter, and nothing says that the user was
                    deleted; check the name, the Region and SSM_PARAMETER_PREFIX

    1 missing; N s
    ! warning: the Vault token may not read keys: without a bucket for state, every sync writes a new version; set S3_BUCKET_NAME or allow read
    [1]
    $ keysync status
    Users        no users found in this Region under SSM_PARAMETER_PREFIX
    Last sweep   none recorded
    Vault token  expires in 71 h (TIME), period 72 h
    [0]
    ");
}

#[tokio::test]
async fn no_credentials_and_no_region() {
    let _equal = equal_names();
    let none = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let mut told = complaints(&["sync alice", "reconcile", "status"], &none).await;
    told += &complaints(
        &["token show"],
        &[
            ("AWS_ACCESS_KEY_ID", ""),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1"),
        ],
    )
    .await;
    told += &complaints(&["sync alice", "token show"], &[("AWS_REGION", "")]).await;
    assert_snapshot!(told, @"
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  failed   reading the Vault token
                    s3://CORNER/vault-token.json: no AWS
                    credentials were found; set AWS_PROFILE or AWS_ACCESS_KEY_ID
                    and AWS_SECRET_ACCESS_KEY, or give the host a role

    1 failed; N s
    [1]
    $ keysync reconcile
    ! error: reading the record of the last sweep s3://CORNER/sync-state/last-run.json: no AWS credentials were found; set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the host a role
    [1]
    $ keysync status
    Users       nobody was looked at
    Last sweep  not known
    ! error: not everybody was listed: listing the states s3://CORNER/sync-state/users/: no AWS credentials were found; set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the host a role
    ! error: reading the record of the last sweep s3://CORNER/sync-state/last-run.json: no AWS credentials were found; set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the host a role
    ! error: reading the Vault token s3://CORNER/vault-token.json: no AWS credentials were found; set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the host a role
    [1]
    $ keysync token show
    ! error: reading the Vault token s3://CORNER/vault-token.json: no AWS credentials were found; set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the host a role
    [1]
    $ keysync sync alice
    USER   OUTCOME  WHY
    alice  failed   reading the Vault token
                    s3://CORNER/vault-token.json: there is nowhere
                    to send the request; set AWS_REGION, and check
                    AWS_ENDPOINT_URL

    1 failed; N s
    [1]
    $ keysync token show
    ! error: reading the Vault token s3://CORNER/vault-token.json: there is nowhere to send the request; set AWS_REGION, and check AWS_ENDPOINT_URL
    [1]
    ");
}
