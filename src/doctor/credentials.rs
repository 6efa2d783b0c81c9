//! The token: its lifetime, the mount and its capabilities. Nothing is renewed or written.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::check::{self, Check, CheckStatus, Finding, check, fail, failed, pass, warn};
use super::policies;
use crate::backends::diagnostics::{Credentials, Mount};
use crate::backends::{Backends, Vault};
use crate::config::AwsLogin;
use crate::context::Context;
use crate::targets::Targets;
use crate::token::TokenFacts;

const TOKEN: &str = "vault-token";
const MOUNT: &str = "vault-mount";

/// Looks up the token and its capabilities.
pub(super) async fn checks<W: Backends>(
    ctx: &Context<W>,
    targets: &Targets,
    deadline: Instant,
) -> Vec<Check> {
    let mut usable = false;
    let token = check(TOKEN, deadline, async {
        match ctx
            .session
            .call(async |vault, token| vault.lookup(token).await)
            .await
        {
            Err(error) => failed(
                &error,
                "check VAULT_ADDR, VAULT_NAMESPACE and the token (`keysync token show`)",
            ),
            Ok(facts) => {
                let login = ctx.config.vault.login.as_ref();
                let finding = match login {
                    Some(login) => of_login(&facts, login, Timestamp::now()),
                    None => lifetime(&facts, Timestamp::now()),
                };
                usable = finding.status != CheckStatus::Fail;
                finding
            }
        }
    });
    let token = token.await;
    if !usable {
        return [
            vec![token],
            check::skipped(&[MOUNT], TOKEN),
            check::skipped(&policies::names(ctx), TOKEN),
        ]
        .concat();
    }
    let (mount, policies) = tokio::join!(
        check(MOUNT, deadline, mounts(ctx, targets)),
        policies::checks(ctx, targets, deadline)
    );
    [vec![token, mount], policies].concat()
}

/// Returns all checks of this module as not made.
pub(super) fn skipped<W: Backends>(ctx: &Context<W>, because: &'static str) -> Vec<Check> {
    [
        check::skipped(&[TOKEN, MOUNT], because),
        check::skipped(&policies::names(ctx), because),
    ]
    .concat()
}

fn of_login(facts: &TokenFacts, login: &AwsLogin, now: Timestamp) -> Finding {
    if let Some(issue) = facts.issues_of_login().first() {
        return fail(
            issue.to_string(),
            "change the role of the auth method (VAULT_AUTH_ROLE)",
        );
    }
    let kind = if facts.batch { "batch" } else { "service" };
    let ends = match facts.lifetime.seconds_left(now) {
        Some(left) => format!("{left} s left"),
        None => "without an end".to_owned(),
    };
    pass(format!(
        "a {kind} token of a login at auth/{} as {}, {ends}; policies {}",
        login.mount,
        login.role,
        facts.policies.join(", ")
    ))
}

fn lifetime(facts: &TokenFacts, now: Timestamp) -> Finding {
    let issues = facts.issues(now);
    let lifetime = &facts.lifetime;
    let hours = |seconds: u64| {
        format!(
            "{:.1} h",
            Duration::from_secs(seconds).as_secs_f64() / 3600.0
        )
    };
    let left = lifetime.seconds_left(now);
    if let Some(issue) = issues.iter().find(|issue| issue.is_fatal()) {
        return fail(issue.to_string(), issue.remedy());
    }
    if !issues.is_empty() {
        let remedies = issues
            .iter()
            .map(|issue| issue.remedy())
            .collect::<std::collections::BTreeSet<_>>();
        let details = issues.iter().map(ToString::to_string).collect::<Vec<_>>();
        return warn(
            details.join("; "),
            remedies.into_iter().collect::<Vec<_>>().join("; "),
        );
    }
    match (left, lifetime.period_seconds) {
        (Some(left), Some(period)) if left < period / 4 => warn(
            format!(
                "only {} of the token's period of {} are left, so it seems not to be renewed",
                hours(left),
                hours(period)
            ),
            "check that the schedule sends `{\"action\": \"refresh-token\"}`, and its log",
        ),
        (Some(left), Some(period)) => pass(format!(
            "periodic ({}), renewable, orphan, {} left; policies {}",
            hours(period),
            hours(left),
            facts.policies.join(", ")
        )),
        _ => pass(format!(
            "never expires; policies {}",
            facts.policies.join(", ")
        )),
    }
}

/// Checks that each mount is KV version 2.
async fn mounts<W: Backends>(ctx: &Context<W>, targets: &Targets) -> Finding {
    let mut names = Vec::new();
    for (namespace, name) in targets.mounts() {
        let finding = mount(ctx, namespace, name).await;
        if finding.status != CheckStatus::Pass {
            return finding;
        }
        names.push(format!("{name}/"));
    }
    let are = if names.len() == 1 { "is" } else { "are" };
    pass(format!("{} {are} KV version 2", names.join(", ")))
}

/// Checks that a mount is KV version 2. In any other mount the key would be written elsewhere.
async fn mount<W: Backends>(ctx: &Context<W>, namespace: Option<&str>, path: &str) -> Finding {
    let remedy = "name a KV version 2 mount (`vault secrets list`) in VAULT_MOUNT or in the targets document, or upgrade this one (`vault kv enable-versioning`)";
    let read = ctx
        .session
        .call(async |vault, token| vault.mount(token, namespace, path).await);
    match read.await {
        Err(error) => failed(&error, remedy),
        Ok(Mount { engine, version }) => match (engine.as_str(), version.as_deref()) {
            ("kv", Some("2")) => pass(format!("{path}/ is KV version 2")),
            ("kv", version) => fail(
                format!("{path}/ is KV version {}", version.unwrap_or("1")),
                remedy,
            ),
            (engine, _) => fail(
                format!("{path}/ is not a KV mount but of type {engine}"),
                remedy,
            ),
        },
    }
}
