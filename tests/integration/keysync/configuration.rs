//! What is typed or configured wrong: told before anything is sent, with exit code 2.

use insta::assert_snapshot;

use super::transcript::{Transcript, equal_names};
use crate::command::{end, start};
use crate::corner::Corner;
use crate::stack::Stack;

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of them are the snapshot")]
async fn what_is_typed_wrong_is_told_with_what_was_meant() {
    let corner = Corner::without_token(Stack::shared()).await;
    let mut terminal = Transcript::of(&corner, &[]);
    for line in [
        "stauts",
        "status --ouput json",
        "status --output yaml",
        "sync",
        "sync --dryrun alice",
        "sync al/ice",
        "sync ..",
        "explain alice bob",
        "reconcile alice",
        "reconcile --user",
        "completions ksh",
        "policy iam --account 12",
        "man /no/such/folder",
    ] {
        assert_eq!(terminal.run(line).await.code, 2, "{line}");
    }
    assert_snapshot!(terminal.text(), @r"
    $ keysync stauts
    ! error: unrecognized subcommand 'stauts'
    !
    !   tip: a similar subcommand exists: 'status'
    !
    ! Usage: keysync [OPTIONS] <COMMAND>
    !
    ! For more information, try '--help'.
    [2]
    $ keysync status --ouput json
    ! error: unexpected argument '--ouput' found
    !
    !   tip: a similar argument exists: '--output'
    !
    ! Usage: keysync status --output <FORMAT> [USER]...
    !
    ! For more information, try '--help'.
    [2]
    $ keysync status --output yaml
    ! error: invalid value 'yaml' for '--output <FORMAT>'
    !   [possible values: text, json]
    !
    ! For more information, try '--help'.
    [2]
    $ keysync sync
    ! error: the following required arguments were not provided:
    !   <USER>...
    !
    ! Usage: keysync sync <USER>...
    !
    ! For more information, try '--help'.
    [2]
    $ keysync sync --dryrun alice
    ! error: unexpected argument '--dryrun' found
    !
    !   tip: a similar argument exists: '--dry-run'
    !
    ! Usage: keysync sync --dry-run <USER>...
    !
    ! For more information, try '--help'.
    [2]
    $ keysync sync al/ice
    ! error: invalid value 'al/ice' for '<USER>...': a user name holds '/', expected only A-Z a-z 0-9 + = , . @ _ -
    !
    ! For more information, try '--help'.
    [2]
    $ keysync sync ..
    ! error: invalid value '..' for '<USER>...': a user name of dots alone would leave its Vault path
    !
    ! For more information, try '--help'.
    [2]
    $ keysync explain alice bob
    ! error: unexpected argument 'bob' found
    !
    ! Usage: keysync explain [OPTIONS] <USER>
    !
    ! For more information, try '--help'.
    [2]
    $ keysync reconcile alice
    ! error: unexpected argument 'alice' found
    !
    ! Usage: keysync reconcile [OPTIONS]
    !
    ! For more information, try '--help'.
    [2]
    $ keysync reconcile --user
    ! error: a value is required for '--user <USER>' but none was supplied
    !
    ! For more information, try '--help'.
    [2]
    $ keysync completions ksh
    ! error: invalid value 'ksh' for '<SHELL>'
    !   [possible values: bash, elvish, fish, powershell, zsh]
    !
    !   tip: a similar value exists: 'zsh'
    !
    ! For more information, try '--help'.
    [2]
    $ keysync policy iam --account 12
    ! error: invalid value '12' for '--account <ID>': expected the 12 digits of an AWS account
    !
    ! For more information, try '--help'.
    [2]
    $ keysync man /no/such/folder
    ! error: /no/such/folder cannot be written to: No such file or directory (os error 2); expected a folder that exists
    [2]
    ");
}

#[tokio::test]
async fn a_name_of_65_characters_is_too_long() {
    let corner = Corner::without_token(Stack::shared()).await;
    let said = corner.keysync(&["sync", &"a".repeat(65)]).await;
    assert_eq!(said.code, 2);
    assert!(
        said.err
            .contains("a user name of 65 characters, expected at most 64"),
        "{said:?}"
    );
}

#[tokio::test]
async fn nothing_typed_is_answered_with_the_help() {
    let corner = Corner::without_token(Stack::shared()).await;
    let (said, help) = (corner.keysync(&[]).await, corner.keysync(&["-h"]).await);
    assert_eq!((said.code, said.err, said.out.as_str()), (2, help.out, ""));
}

#[tokio::test]
async fn each_wrong_variable_is_named_once_and_no_value_is_shown() {
    let corner = Corner::without_token(Stack::shared()).await;
    let secret = "hvs.sentinel token";
    let variables = [
        ("VAULT_ADDR", "http://vault.example.org"),
        ("VAULT_TOKEN", secret),
        ("VAULT_CACERT", "/no/such/file.pem"),
        ("VAULT_MOUNT", "a//b"),
        ("SSM_PARAMETER_PREFIX", "iam_users"),
        ("IAM_USER_LIST", "alice,sentinel/x"),
        ("SYNC_INTERVAL_HOURS", "often"),
        ("SYNC_CONCURRENCY", "0"),
        ("ON_USER_DELETED", "delete"),
        ("LOG_LEVEL", "loud"),
    ];
    let mut complaints = Vec::new();
    for line in [
        "sync alice",
        "reconcile",
        "plan",
        "status",
        "explain alice",
        "token show",
        "policy vault",
    ] {
        let mut terminal = Transcript::of(&corner, &[secret, "sentinel"]).with(&variables);
        terminal.fails(line).await;
        complaints.push(terminal.text().split_once('\n').unwrap().1.to_owned());
    }
    complaints.dedup();
    assert_eq!(
        complaints.len(),
        1,
        "every command says the same: {complaints:?}"
    );
    assert_snapshot!(complaints[0], @r"
    ! error: VAULT_ADDR: is http, which is allowed only for a loopback host; expected https
    ! error: VAULT_CACERT: cannot be read (No such file or directory (os error 2)), expected a file of PEM certificates
    ! error: VAULT_MOUNT: is not a path of Vault, expected segments of A-Z a-z 0-9 - _ . between single slashes
    ! error: VAULT_TOKEN: holds a character that cannot be sent in an HTTP header
    ! error: SSM_PARAMETER_PREFIX: is not a path such as /iam_users/, with a slash at both ends
    ! error: ON_USER_DELETED: is neither retain nor soft-delete
    ! error: IAM_USER_LIST: is no comma-separated list of user names: a user name holds '/', expected only A-Z a-z 0-9 + = , . @ _ -
    ! error: SYNC_INTERVAL_HOURS: is not a whole number from 1 to 8760
    ! error: SYNC_CONCURRENCY: is not a whole number from 1 to 256
    ! error: LOG_LEVEL: is not one of trace, debug, info, warn, error
    [2]
    ");
}

#[tokio::test]
async fn half_a_configuration_is_told_apart() {
    let corner = Corner::without_token(Stack::shared()).await;
    let _equal = equal_names();
    let mut terminal = Transcript::of(&corner, &[]);
    for (variables, what) in [
        (&[("S3_BUCKET_NAME", "")][..], "neither mode"),
        (&[("VAULT_ADDR", "")], "no address"),
        (&[("VAULT_ADDR", "vault.example.org:8200")], "no scheme"),
        (
            &[("VAULT_ADDR", "https://vault.example.org:8200/v1")],
            "a path",
        ),
        (&[("VAULT_CACERT_BYTES", "no PEM")], "no certificate"),
    ] {
        terminal = terminal.with(variables);
        assert_eq!(terminal.run("token show").await.code, 2, "{what}");
    }
    assert_snapshot!(terminal.text(), @r"
    $ keysync token show
    ! error: S3_BUCKET_NAME: is not set, and neither is VAULT_TOKEN; expected the bucket that holds the Vault token (enhanced mode) or the token itself (basic mode)
    [2]
    $ keysync token show
    ! error: VAULT_ADDR: is not set, expected the address of Vault, such as https://vault.example.org:8200
    [2]
    $ keysync token show
    ! error: VAULT_ADDR: is neither https nor http
    [2]
    $ keysync token show
    ! error: VAULT_ADDR: has a path, query or fragment, expected only scheme, host and port
    [2]
    $ keysync token show
    ! error: VAULT_CACERT_BYTES: holds no certificate, expected PEM text with -----BEGIN CERTIFICATE-----
    [2]
    ");
}

#[tokio::test]
async fn a_host_without_certificate_authorities_is_told_so() {
    let variables = [
        ("SSL_CERT_FILE", "/dev/null"),
        ("SSL_CERT_DIR", "/no/such/folder"),
        ("VAULT_ADDR", "https://vault.example.org"),
        ("VAULT_TOKEN", "made-up"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    for command in ["status", "doctor"] {
        let said = end(start(&[command], &variables), "").await;
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.all().contains("SSL_CERT_FILE: this"), "{said:?}");
    }
}
