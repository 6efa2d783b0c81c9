//! The targets document: whether it can be read, and is accepted.

use std::collections::BTreeSet;
use std::rc::Rc;

use tokio::time::Instant;

use super::check::{Check, Finding, check, failed, pass};
use crate::backends::Backends;
use crate::context::Context;
use crate::targets::Targets;

/// The name of this check.
pub(super) const NAME: &str = "targets";

/// Reads the targets document; returns its targets unless that fails.
pub(super) async fn checks<W: Backends>(
    ctx: &Context<W>,
    deadline: Instant,
) -> (Check, Option<Rc<Targets>>) {
    let mut found = None;
    let check = check(NAME, deadline, async {
        match ctx.targets().await {
            Err(error) => failed(
                &error,
                "correct the targets document; `keysync targets check` lists all its problems",
            ),
            Ok(targets) => {
                let finding = finding(ctx, &targets);
                found = Some(targets);
                finding
            }
        }
    });
    (check.await, found)
}

fn finding<W: Backends>(ctx: &Context<W>, targets: &Targets) -> Finding {
    let vault = &ctx.config.vault;
    if targets
        .others()
        .is_some_and(|target| !target.is_of_document)
    {
        let (mount, prefix) = (&vault.mount, &vault.path_prefix);
        return pass(format!(
            "no targets document: keys go to {mount}/{prefix}/<user>"
        ));
    }
    let users = targets.named().map(|(user, _)| user);
    let users = users.collect::<BTreeSet<_>>().len();
    let secrets = targets.named().count();
    let others = match targets.others() {
        Some(target) => format!("keys of other users go to {}", target.location),
        None => "other users are untargeted".to_owned(),
    };
    pass(format!("{secrets} targets of {users} users; {others}"))
}
