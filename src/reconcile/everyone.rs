//! Who is there: the listing of parameters, the roster, and whoever has a state; and what their disagreement means.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::{Ending, Screened, Sweep, Watch};
use crate::backends::{Backends, Page, Parameters, Roster, States, Vault};
use crate::error::Error;
use crate::keys::UserName;
use crate::observe::Look;
use crate::report::UserReport;
use crate::snapshot::{Parameter, VaultView};
use crate::sync::{OnlySay, Request, sync_each};

/// What the listing of parameters came to.
#[derive(Default)]
struct Listing {
    /// Who has a parameter.
    seen: HashSet<UserName>,
    /// Why it is not complete, where it is not.
    broken: Option<String>,
}

impl<W: Backends, H: Watch, F: FnMut(UserReport)> Sweep<'_, W, H, F> {
    /// Sweeps everybody but those who are `done`.
    pub(super) async fn everyone(&self, done: &HashSet<UserName>) -> Ending {
        // Vault is read before the listing, so that no listed key can be older than what Vault was seen to hold.
        let list_metadata = self.list_metadata().await;
        let roster = self.roster().await;
        let recorded = self.recorded().await;
        let known = |recorded: &HashSet<UserName>| {
            roster
                .iter()
                .flatten()
                .chain(recorded)
                .collect::<HashSet<_>>()
                .len()
        };
        self.watch.expect(recorded.as_ref().map_or(0, known));
        let listing = self
            .listed(done, list_metadata.as_ref(), roster.as_ref())
            .await;
        let mut ending = Ending {
            left: Vec::new(),
            unlisted: listing.broken,
        };
        let recorded = recorded.unwrap_or_else(|error| {
            ending.unlisted = Some(format!("not everybody was listed: {error}"));
            HashSet::new()
        });
        let unseen = roster
            .unwrap_or_default()
            .union(&recorded)
            .cloned()
            .collect::<BTreeSet<_>>();
        let unseen = unseen
            .into_iter()
            .filter(|user| !listing.seen.contains(user) && !done.contains(user));
        let unseen = unseen.collect::<Vec<_>>();
        // Nobody's absence is believed unless the whole listing was seen: then they were only not reached.
        if ending.unlisted.is_some() {
            ending.left = unseen;
            return ending;
        }
        let unlisted = |user: &UserName| {
            let nameable = self.ctx.config.naming.parameter_of(user).is_some();
            let parameter = if nameable {
                Parameter::Absent
            } else {
                Parameter::Unnameable
            };
            Look::Listed {
                parameter,
                vault: VaultView::NotRead,
            }
        };
        let known = listing.seen.union(done).count() + unseen.len();
        let Screened {
            left,
            gone,
            in_step,
        } = self.screen(unseen, unlisted, self.stop).await;
        ending.left = left;
        // Those who were retired long ago do not count, or they would loosen the brake year by year.
        let known = known - in_step;
        let nothing_is_there = listing.seen.is_empty() && !gone.is_empty();
        ending.unlisted = self
            .retire(gone, known, nothing_is_there, &mut ending.left)
            .await;
        ending
    }

    /// The metadata of all keys, where the server gives it in one call.
    async fn list_metadata(&self) -> Option<HashMap<String, VaultView>> {
        self.ctx.states.as_ref()?;
        let config = &self.ctx.config.vault;
        let list_metadata = async |vault: &W::Vault, token: &_| {
            vault
                .list_metadata(token, &config.mount, &config.path_prefix)
                .await
        };
        self.ctx.session.call(list_metadata).await.unwrap_or_else(|error| {
            // Not a warning: whatever is wrong fails the users or the token, and is told there.
            tracing::info!(error = %error, "Vault's metadata could not be listed, so it is read one by one");
            None
        })
    }

    /// The users on the roster; `None` where there is none to ask, or it gives no answer.
    async fn roster(&self) -> Option<HashSet<UserName>> {
        let roster = self.ctx.roster.as_ref()?;
        match all_pages("the roster", async |from| roster.page(from).await).await {
            Ok(names) => Some(names),
            Err(error) => {
                tracing::warn!("who is on the roster without a parameter is not noticed: {error}");
                None
            }
        }
    }

    /// Who has a state.
    async fn recorded(&self) -> Result<HashSet<UserName>, Error> {
        match &self.ctx.states {
            Some(states) => all_pages("the states", async |from| states.page(from).await).await,
            None => Ok(HashSet::new()),
        }
    }

    /// Sweeps users while the listing of their parameters still pages.
    async fn listed(
        &self,
        done: &HashSet<UserName>,
        list_metadata: Option<&HashMap<String, VaultView>>,
        roster: Option<&HashSet<UserName>>,
    ) -> Listing {
        let listing = RefCell::new(Listing::default());
        // One page ahead, so that nobody waits for the next one; no more, because a page is full of secrets.
        let (ahead, pages) = mpsc::channel(1);
        let list = async {
            let ahead = ahead;
            let mut from = Some(None);
            while let Some(place) = from
                && let Ok(room) = ahead.reserve().await
                && let Some(page) = self.page(place, &listing).await
            {
                room.send(page.items);
                from = page.next.map(Some);
            }
        };
        let pages = stream::unfold(pages, async |mut pages| Some((pages.recv().await?, pages)));
        let requests = pages
            .flat_map(stream::iter)
            .filter_map(async |(user, parameter)| {
                if !self.may_go_on(&listing) {
                    return None;
                }
                let fresh = listing.borrow_mut().seen.insert(user.clone()) && !done.contains(&user);
                fresh.then(|| {
                    let vault = list_metadata.map_or(VaultView::NotRead, |list_metadata| {
                        list_metadata
                            .get(user.as_str())
                            .copied()
                            .unwrap_or(VaultView::Absent)
                    });
                    let only_say = if self.order.dry_run {
                        OnlySay::All
                    } else {
                        OnlySay::Nothing
                    };
                    Request::asked(user, Look::Listed { parameter, vault }, only_say)
                })
            });
        let mut spelled = HashMap::new();
        let reports = sync_each(self.ctx, &self.breaker, requests, self.deadline);
        let told = reports.for_each(|mut report| {
            if roster.is_some_and(|roster| !roster.contains(&report.user)) {
                report.remark("the user has no row on the roster");
            }
            let user = report.user.clone();
            if let Some(other) = spelled.insert(user.as_str().to_ascii_lowercase(), user) {
                report.remark(&format!(
                    "differs from {other} only in case, and IAM knows no such pair"
                ));
            }
            self.tell(report);
            std::future::ready(())
        });
        tokio::join!(list, told);
        listing.take()
    }

    /// The next page of the listing; `None` when it breaks off, which is noted.
    async fn page(
        &self,
        from: Option<String>,
        listing: &RefCell<Listing>,
    ) -> Option<Page<(UserName, Parameter)>> {
        if !self.may_go_on(listing) {
            return None;
        }
        self.wait_for_turn().await;
        let page = self
            .ctx
            .parameters
            .page(&self.ctx.config.naming, from)
            .await;
        page.map_err(|error| {
            listing.borrow_mut().broken = Some(format!("not everybody was listed: {error}"))
        })
        .ok()
    }

    /// Whether more users may be listed and begun; where not, that is noted.
    fn may_go_on(&self, listing: &RefCell<Listing>) -> bool {
        let may = self.may_begin(self.stop);
        if !may {
            let why = if self.watch.stops() {
                "it was stopped"
            } else {
                "there was no time left to list more parameters"
            };
            listing
                .borrow_mut()
                .broken
                .get_or_insert_with(|| format!("not everybody was listed: {why}"));
        }
        may
    }
}

/// So many characters of a name that is none are told: more than a user's name has.
const NAME_SHOWN: usize = 80;

/// All names of a paged listing of `what` that are user names.
async fn all_pages(
    what: &str,
    page: impl AsyncFn(Option<String>) -> Result<Page<String>, Error>,
) -> Result<HashSet<UserName>, Error> {
    let mut names = HashSet::new();
    let mut from = None;
    loop {
        let Page { items, next } = page(from).await?;
        for name in items {
            match UserName::parse(&name) {
                Ok(user) => {
                    names.insert(user);
                }
                Err(error) => {
                    let name = name.chars().take(NAME_SHOWN).collect::<String>();
                    tracing::warn!(name, error = %error, "a name on {what} is left out, it is no user's: {name:?}");
                }
            }
        }
        match next {
            Some(next) => from = Some(next),
            None => return Ok(names),
        }
    }
}
