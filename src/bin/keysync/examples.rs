//! Examples for the help of each command, each with its form for programs.

/// Defines examples: lines that a user would type.
macro_rules! examples {
    ($($name:ident: $($line:literal),+;)+) => {
        $(pub const $name: &str = concat!("Examples:", $("\n  keysync ", $line),+);)+
    };
}

examples! {
    SYNC: "sync jane", "sync jane --adopt", "sync jane --json";
    RECONCILE: "reconcile --dry-run", "reconcile --dry-run --json";
    PLAN: "plan", "plan jane --json";
    STATUS: "status", "status --json | jq '.users[] | select(.condition != \"in-step\")'";
    EXPLAIN: "explain jane", "explain jane --usage", "explain jane --json";
    TARGETS: "targets check targets.json", "targets show jane --json";
    TARGETS_CHECK: "targets check targets.json", "targets check targets.json --json";
    TARGETS_IMPORT: "targets import targets.json", "targets import targets.json --json";
    TARGETS_SHOW: "targets show", "targets show jane --json";
    TOKEN: "token show", "token show --json";
    TOKEN_SHOW: "token show", "token show --json | jq .ttlSeconds";
    TOKEN_RENEW: "token renew", "token renew --json";
    TOKEN_IMPORT: "token import < token.txt", "token import --json < token.txt";
    DOCTOR: "doctor", "doctor --json | jq '.[] | select(.status == \"fail\")'";
    POLICY: "policy vault", "policy vault --json";
    POLICY_VAULT: "policy vault --targets targets.json", "policy vault --json";
    REHEARSE: "rehearse --function iam-key-sync", "rehearse --json";
    POLICY_IAM: "policy iam --account 123456789012 > policy.json", "policy iam --rehearse";
    SCHEMA: "schema | jq '.[\"$defs\"].report'";
    COMPLETIONS: "completions bash > /etc/bash_completion.d/keysync";
    MAN: "man | man -l -", "man /usr/local/share/man/man1";
}
