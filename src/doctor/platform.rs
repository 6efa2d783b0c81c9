//! The platform's data: the parameters and the roster.

use tokio::time::Instant;

use super::check::{Check, Finding, check, failed, pass, warn};
use crate::backends::{Backends, Parameters, Roster};
use crate::context::Context;
use crate::error::Error;
use crate::keys::UserName;
use crate::snapshot::ParameterView;

/// The pages to read: Parameter Store may return empty ones before the first parameter.
const MAX_PAGES: u32 = 5;

const AWS_REMEDY: &str = "check AWS_REGION, AWS_ENDPOINT_URL and the route to that endpoint";

/// Lists the first parameters and reads one, with decryption.
pub(super) async fn parameters<W: Backends>(ctx: &Context<W>, deadline: Instant) -> Check {
    check("parameters", deadline, async {
        let naming = &ctx.config.naming;
        let form = format!("{}<user>{}", naming.prefix, naming.suffix);
        let (user, listed) = match &ctx.config.users {
            Some(users) => (users.first().cloned(), None),
            None => match first_page(ctx).await {
                Ok(users) => (users.first().cloned(), Some(users.len())),
                Err(error) => return failed(&error, AWS_REMEDY),
            },
        };
        let Some((user, name)) =
            user.and_then(|user| Some((user.clone(), naming.parameter_of(&user)?)))
        else {
            let remedy =
                "check the Region, the account, SSM_PARAMETER_PREFIX and SSM_PARAMETER_SUFFIX";
            return warn(format!("no parameter is named {form}"), remedy);
        };
        match ctx.parameters.read(&name).await.view {
            ParameterView::Unreadable(error) => failed(&error, AWS_REMEDY),
            parameter => readable(&user, &parameter, listed),
        }
    })
    .await
}

async fn first_page<W: Backends>(ctx: &Context<W>) -> Result<Vec<UserName>, Error> {
    let mut from = None;
    for _ in 0..MAX_PAGES {
        let page = ctx.parameters.page(&ctx.config.naming, from).await?;
        if !page.items.is_empty() || page.next.is_none() {
            // A parameter that cannot be decrypted is detected by the read that follows.
            return Ok(page.items.into_iter().map(|(user, _)| user).collect());
        }
        from = page.next;
    }
    Ok(Vec::new())
}

fn readable(user: &UserName, parameter: &ParameterView, listed: Option<usize>) -> Finding {
    let listed = match listed {
        Some(count) => format!("the first page lists {count}"),
        None => "IAM_USER_LIST names the users".to_owned(),
    };
    match parameter {
        ParameterView::Current(_) => pass(format!("{listed}; the parameter of {user} was read")),
        ParameterView::WithoutCurrent { .. } => pass(format!(
            "{listed}; the parameter of {user} was read and has no current key at present"
        )),
        ParameterView::Malformed { problem, .. } => warn(
            format!("{listed}; the parameter of {user} is not in the platform's format: {problem}"),
            "find out what wrote it, and check SSM_PARAMETER_PREFIX and SSM_PARAMETER_SUFFIX",
        ),
        ParameterView::Absent | ParameterView::Unnameable | ParameterView::Unreadable(_) => warn(
            format!("{listed}; {user} has no parameter"),
            "check the name, the Region and the account",
        ),
    }
}

/// Reads the roster in both ways that the sync does.
pub(super) async fn roster<W: Backends>(ctx: &Context<W>, deadline: Instant) -> Check {
    check("roster", deadline, async {
        let Some(roster) = &ctx.roster else {
            return pass(
                "switched off (IAM_USER_TABLE=-): a user without a parameter is retired only after a Delete event",
            );
        };
        let sample = UserName::parse("keysync-doctor").expect("the text is a user name");
        let answer = match roster.page(None).await {
            Ok(page) => roster.contains(&sample).await.map(|_| page),
            Err(error) => Err(error),
        };
        match answer {
            Ok(page) if page.items.is_empty() => {
                warn("the roster is empty", "check IAM_USER_TABLE, the Region and the account")
            }
            Ok(page) => pass(format!("the first page lists {}", page.items.len())),
            // The sync works without the roster.
            Err(error @ (Error::Denied { .. } | Error::Missing { .. })) => failed(&error, AWS_REMEDY).into_warning(),
            Err(error) => failed(&error, AWS_REMEDY),
        }
    })
    .await
}
