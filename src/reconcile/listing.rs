//! Finds the users of a run: the left-over ones, the listing of parameters, and the users who are
//! known from the roster or the state only.
//!
//! Sends requests page by page, while the users of the page before are worked on.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Scope;
use super::bounds::Bounds;
use super::known::{list_metadata, recorded_users, repeated_page, roster_users};
use crate::backends::{Backends, Page, Parameters, VaultListing};
use crate::deadlines::Deadlines;
use crate::invocation::Invocation;
use crate::keys::UserName;
use crate::observe::ReadStrategy;
use crate::snapshot::{ParameterReading, ParameterView};
use crate::sync::Request;

/// The result of a listing.
#[derive(Default)]
pub struct Listed {
    /// The users who were not sent: time ran out, or the listing ended early.
    pub not_started: Vec<UserName>,
    /// Why not all users were listed, if that is so.
    pub incomplete: Option<String>,
    /// Whether the listing shows any user.
    pub is_empty: bool,
}

/// The listing of one run.
pub struct Listing<'a, B: Backends> {
    invocation: &'a Invocation<'a, B>,
    deadlines: &'a Deadlines,
    bounds: Bounds<'a>,
    sender: mpsc::Sender<Vec<Request>>,
    total: &'a dyn Fn(usize),
    is_dry_run: bool,
    sent: HashSet<UserName>,
    listed: Listed,
}

impl<'a, B: Backends> Listing<'a, B> {
    /// Creates a listing that sends its requests to `sender` and reports how many to expect.
    pub fn new(
        invocation: &'a Invocation<'a, B>,
        deadlines: &'a Deadlines,
        bounds: Bounds<'a>,
        sender: mpsc::Sender<Vec<Request>>,
        total: &'a dyn Fn(usize),
        is_dry_run: bool,
    ) -> Self {
        Self {
            invocation,
            deadlines,
            bounds,
            sender,
            total,
            is_dry_run,
            sent: HashSet::new(),
            listed: Listed::default(),
        }
    }

    /// Sends a request for each user of `scope`, as long as there is time.
    pub async fn send(mut self, scope: &Scope) -> Listed {
        let deadlines = self.deadlines;
        match (scope, &self.invocation.ctx.config.users) {
            (Scope::Users(users), _) => {
                (self.total)(users.len());
                self.listed.not_started = self.send_by_name(users, deadlines.start_users).await;
            }
            (Scope::All { left_over }, Some(users)) => {
                (self.total)(users.len());
                let first = left_over
                    .iter()
                    .filter(|user| users.contains(user))
                    .cloned();
                self.send_by_name(&first.collect::<Vec<_>>(), deadlines.start_left_over)
                    .await;
                self.listed.not_started = self.send_by_name(users, deadlines.start_users).await;
            }
            (Scope::All { left_over }, None) => {
                self.send_by_name(left_over, deadlines.start_left_over)
                    .await;
                self.send_all().await;
            }
        }
        self.listed
    }

    /// Sends the users who were not sent yet, to be read by name; returns those that had no time.
    async fn send_by_name(&mut self, users: &[UserName], until: Instant) -> Vec<UserName> {
        let mut users = users.iter();
        while let Some(user) = users.next() {
            if !self.bounds.until(until).may_start() {
                let rest = [user].into_iter().chain(users);
                return rest
                    .filter(|user| !self.sent.contains(user))
                    .cloned()
                    .collect();
            }
            if self.sent.insert(user.clone()) {
                let request = Request::new(user.clone(), ReadStrategy::VAULT_FIRST);
                self.send_one(request).await;
            }
        }
        Vec::new()
    }

    /// Sends all users: as the parameters are listed, and then those who have no parameter.
    async fn send_all(&mut self) {
        // Vault is read before the listing, so that no listed key is older than what Vault holds.
        let ctx = self.invocation.ctx;
        let metadata = list_metadata(self.invocation, self.bounds);
        let roster = roster_users(ctx, self.bounds.for_names());
        let recorded = recorded_users(ctx, self.bounds.for_names());
        let (metadata, roster, recorded) = if self.is_dry_run {
            // An operator waits for the answer, also while a service hangs.
            tokio::join!(metadata, roster, recorded)
        } else {
            (metadata.await, roster.await, recorded.await)
        };
        let metadata = Rc::new(metadata);
        if let Ok(recorded) = &recorded {
            let known = roster
                .iter()
                .flatten()
                .chain(recorded)
                .collect::<HashSet<_>>();
            (self.total)(known.len());
        }
        let seen = self.send_listed(&metadata, roster.as_ref()).await;
        let recorded = recorded.unwrap_or_else(|error| {
            self.listed.incomplete = Some(format!("not all users were listed: {error}"));
            HashSet::new()
        });
        let unseen = roster
            .unwrap_or_default()
            .union(&recorded)
            .cloned()
            .collect::<BTreeSet<_>>();
        let mut unseen = unseen
            .into_iter()
            .filter(|user| !seen.contains(user) && !self.sent.contains(user))
            .collect::<Vec<_>>()
            .into_iter();
        // Absence counts only if the whole listing was read; else these users were not started.
        while self.listed.incomplete.is_none()
            && self.bounds.may_start()
            && let Some(user) = unseen.next()
        {
            let nameable = ctx.config.naming.parameter_of(&user).is_some();
            let parameter = if nameable {
                ParameterView::Absent
            } else {
                ParameterView::Unnameable
            };
            let (parameter, vault) = (parameter.into(), Rc::default());
            let strategy = ReadStrategy::FromListing { parameter, vault };
            let is_unlisted = true;
            self.send_one(Request {
                is_unlisted,
                ..Request::new(user, strategy)
            })
            .await;
        }
        self.listed.is_empty = seen.is_empty();
        self.listed.not_started.extend(unseen);
    }

    /// Sends users page by page; returns all users whose parameters were listed.
    async fn send_listed(
        &mut self,
        metadata: &Rc<VaultListing>,
        roster: Option<&HashSet<UserName>>,
    ) -> HashSet<UserName> {
        let (mut seen, mut spellings) = (HashSet::new(), HashMap::new());
        let (mut next, mut tokens) = (Some(None), HashSet::new());
        // A page is read only when there is room for it: a page is full of secrets.
        while let Some(from) = next
            && let Ok(room) = self.sender.clone().reserve_owned().await
            && let Some(Page {
                items,
                next: following,
            }) = self.page(from).await
        {
            let mut requests = Vec::with_capacity(items.len());
            for (user, parameter) in items {
                if !seen.insert(user.clone()) || self.sent.contains(&user) {
                    continue;
                }
                let vault = metadata.clone();
                let strategy = ReadStrategy::FromListing { parameter, vault };
                let mut request = Request::new(user.clone(), strategy);
                if roster.is_some_and(|roster| !roster.contains(&user)) {
                    request
                        .remarks
                        .push("the user has no row on the roster".to_owned());
                }
                if let Some(other) = spellings.insert(user.as_str().to_ascii_lowercase(), user) {
                    request.remarks.push(format!(
                        "differs from {other} only in case, which IAM does not allow"
                    ));
                }
                requests.push(request);
            }
            room.send(requests);
            if following
                .as_ref()
                .is_some_and(|token| !tokens.insert(token.clone()))
            {
                let error = repeated_page("the parameters");
                self.listed.incomplete = Some(format!("not all users were listed: {error}"));
                break;
            }
            next = following.map(Some);
        }
        seen
    }

    /// Reads the next page of parameters; `None` if the listing ends early, which is recorded.
    async fn page(&mut self, from: Option<String>) -> Option<Page<(UserName, ParameterReading)>> {
        let ctx = self.invocation.ctx;
        let page = async {
            self.invocation.wait_for_turn().await;
            ctx.parameters.page(&ctx.config.naming, from).await
        };
        let page = self.bounds.run(page).await.map_err(|error| {
            if self.bounds.may_start() {
                error.to_string()
            } else {
                self.bounds.reason().to_owned()
            }
        });
        page.map_err(|why| {
            self.listed.incomplete = Some(format!("not all users were listed: {why}"));
        })
        .ok()
    }

    async fn send_one(&self, request: Request) {
        let sent = self.sender.send(vec![request]).await;
        sent.expect("the receiver exists until the sender is dropped");
    }
}
