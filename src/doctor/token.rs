//! The token: what it is, how long it lives, what it opens, what it may do. Nothing is renewed and nothing written.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::check::{Check, Finding, Verdict, check, fail, failed, not_checked, pass, warn};
use crate::config::OnUserDeleted;
use crate::error::Error;
use crate::stores::inspection::{Credentials, Mount};
use crate::stores::{Stores, Vault};
use crate::token::{Flaw, Rights, TokenFacts};
use crate::world::World;

const TOKEN: &str = "vault-token";
const MOUNT: &str = "vault-mount";
const WRITE: &str = "policy-write";
const READ: &str = "policy-read";
const METADATA: &str = "policy-metadata";
const DELETE: &str = "policy-delete";
const SCOPE: &str = "policy-scope";

/// Looks the token up and asks for its rights.
pub(super) async fn checks<W: Stores>(world: &World<W>, deadline: Instant) -> Vec<Check> {
    let mut fit = false;
    let token = check(TOKEN, deadline, async {
        match world.session.call(async |vault, token| vault.lookup(token).await).await {
            Err(error) => failed(&error, "see what the error says of Vault or of the token object"),
            Ok(facts) => {
                let finding = judge(&facts, Timestamp::now());
                fit = finding.status != Verdict::Fail;
                finding
            }
        }
    });
    let token = token.await;
    if !fit {
        return [vec![token], not_checked(&[MOUNT], TOKEN), not_checked(&policies(world), TOKEN)].concat();
    }
    let (mount, policies) = tokio::join!(check(MOUNT, deadline, mount(world)), policy(world, deadline));
    [vec![token, mount], policies].concat()
}

/// What would have been checked if the token could not be looked at.
pub(super) fn without<W: Stores>(world: &World<W>, because: &'static str) -> Vec<Check> {
    [not_checked(&[TOKEN, MOUNT], because), not_checked(&policies(world), because)].concat()
}

fn policies<W: Stores>(world: &World<W>) -> Vec<&'static str> {
    let deletes = world.config.on_user_deleted == OnUserDeleted::SoftDelete;
    [WRITE, READ, METADATA].into_iter().chain(deletes.then_some(DELETE)).chain([SCOPE]).collect()
}

fn judge(facts: &TokenFacts, now: Timestamp) -> Finding {
    let flaws = facts.flaws(now);
    let lifetime = &facts.lifetime;
    let hours = |seconds: u64| format!("{:.1} h", Duration::from_secs(seconds).as_secs_f64() / 3600.0);
    let left = lifetime.seconds_left(now);
    if let Some(flaw) = flaws.iter().find(|flaw| flaw.is_fatal()) {
        return fail(flaw.to_string(), flaw.remedy());
    }
    if !flaws.is_empty() {
        let remedies = flaws.iter().map(|flaw| flaw.remedy()).collect::<std::collections::BTreeSet<_>>();
        let details = flaws.iter().map(ToString::to_string).collect::<Vec<_>>();
        return warn(details.join("; "), remedies.into_iter().collect::<Vec<_>>().join("; "));
    }
    match (left, lifetime.period_seconds) {
        (Some(left), Some(period)) if left < period / 4 => warn(
            format!(
                "only {} of the token's period of {} are left: nobody seems to renew it",
                hours(left),
                hours(period)
            ),
            "see that the schedule sends {\"action\": \"refresh-token\"}, and what the log says of it",
        ),
        (Some(left), Some(period)) => pass(format!(
            "periodic ({}), renewable, orphan, {} left; policies {}",
            hours(period),
            hours(left),
            facts.policies.join(", ")
        )),
        _ => pass(format!("without an end; policies {}", facts.policies.join(", "))),
    }
}

/// Into anything but KV version 2 a key would be written at a place where nobody looks for it.
async fn mount<W: Stores>(world: &World<W>) -> Finding {
    let path = &world.config.vault.mount;
    let remedy = "let VAULT_MOUNT name a KV version 2 mount (vault secrets list), or make this one so: vault kv enable-versioning";
    match world.session.call(async |vault, token| vault.mount(token, path).await).await {
        Err(error) => failed(&error, remedy),
        Ok(Mount { engine, version }) => match (engine.as_str(), version.as_deref()) {
            ("kv", Some("2")) => pass(format!("{path}/ is KV version 2")),
            ("kv", version) => fail(format!("{path}/ is KV version {}", version.unwrap_or("1")), remedy),
            (engine, _) => fail(format!("{path}/ is no KV mount but one of {engine}"), remedy),
        },
    }
}

async fn policy<W: Stores>(world: &World<W>, deadline: Instant) -> Vec<Check> {
    let vault = &world.config.vault;
    let place = format!("{}/{}/", vault.mount, vault.path_prefix);
    let mut found = None;
    let write = check(WRITE, deadline, async {
        match world.session.call(async |session, token| Rights::of(session, token, vault).await).await {
            Err(error @ Error::Denied { .. }) => failed(&error, "").only_warns(),
            Err(error) => failed(&error, "see what the error says of Vault"),
            Ok(rights) => {
                found = Some(rights);
                let flaw = Flaw::CannotWrite;
                if rights.writes {
                    pass(format!("it may create and update keys in {place}"))
                } else {
                    fail(flaw.to_string(), flaw.remedy())
                }
            }
        }
    });
    let mut checks = vec![write.await];
    let Some(rights) = found else {
        // A warning stands for all of them: the token may well suffice.
        if checks[0].status == Verdict::Fail {
            checks.extend(not_checked(&policies(world)[1..], WRITE));
        }
        return checks;
    };
    let flaws = rights.flaws(&world.config);
    let mut add = |name: &'static str, about: &[Flaw], well: &str| {
        let flaws = flaws.iter().filter(|flaw| about.contains(flaw));
        let (details, remedies): (Vec<_>, Vec<_>) = flaws.map(|flaw| (flaw.to_string(), flaw.remedy())).unzip();
        let finding = if details.is_empty() { pass(well) } else { warn(details.join("; "), remedies.join("; ")) };
        checks.push(finding.of(name, Duration::ZERO));
    };
    let basic = world.config.bucket.is_none();
    add(
        READ,
        &[Flaw::ReadsKeys, Flaw::CannotRead],
        if basic { "it may read keys, to compare" } else { "it may not read keys" },
    );
    add(
        METADATA,
        &[Flaw::MetadataHidden],
        if rights.survey {
            "it may read the versions of keys, of all in one call where the server offers that"
        } else {
            "it may read the versions of keys, one by one"
        },
    );
    if world.config.on_user_deleted == OnUserDeleted::SoftDelete {
        add(DELETE, &[Flaw::CannotDelete], "it may soft-delete keys");
    }
    add(
        SCOPE,
        &[Flaw::WritesElsewhere, Flaw::Destroys, Flaw::Sudo],
        &format!("it may write nothing beside {place} and destroy nothing"),
    );
    checks
}
