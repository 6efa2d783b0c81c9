//! Several events of one user are one sync. Pure.

use crate::observe::ReadStrategy;
use crate::snapshot::Event;
use crate::sync::Request;
use crate::trigger::{Change, Operation};

/// Merges the changes of one user, each with whether a stale read is worth a retry, into one
/// request. The newest change decides. If a deletion and a put have the same second, the put
/// decides, because a deletion that is wrongly assumed does harm.
pub(super) fn merge(changes: &[(Change, bool)]) -> Option<Request> {
    let newest = changes.iter().map(|(change, _)| change);
    let newest = newest.max_by_key(|change| (change.at, change.operation == Operation::Put))?;
    let event = Event {
        time: newest.at,
        deleted: newest.operation == Operation::Delete,
    };
    Some(Request {
        event: Some(event),
        retry_stale_read: changes.iter().any(|(_, retry)| *retry),
        ..Request::new(newest.user.clone(), ReadStrategy::Optimistic)
    })
}
