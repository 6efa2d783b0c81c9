//! More targets of each user: they hold the same key, beside a field that a person maintains.

use serde_json::json;

use super::Case;
use super::check::is_newer;
use super::initial_state::key_of;
use crate::testing::memory::Inner;

/// The field that a person maintains, in every second target.
const OWNER: &str = "OWNER";

/// Returns the path of a user's target.
fn path(user: usize, target: usize) -> String {
    format!("more/user{user}-{target}")
}

/// Stores a document that names the target without a document and `more` others for each user.
pub(super) fn store(inner: &mut Inner, users: usize, more: usize) {
    if more == 0 {
        return;
    }
    let entries = (0..users).map(|user| {
        let default = json!({
            "mount": "secret", "path": format!("aws/iam-keys/user{user}"), "merge": false,
            "fields": {
                "accessKeyId": "{accessKeyId}", "secretAccessKey": "{secretAccessKey}",
                "userName": "{userName}", "syncedAt": "{syncedAt}",
            },
        });
        let more = (0..more).map(|target| json!({"mount": "apps", "path": path(user, target)}));
        let targets = [default].into_iter().chain(more).collect::<Vec<_>>();
        json!({"name": format!("/iam_users/user{user}_keys"), "targets": targets})
    });
    let document = json!({"parameters": entries.collect::<Vec<_>>()});
    let etag = inner.next_etag();
    inner.document = Some((document.to_string(), etag));
    for user in 0..users {
        for target in (0..more).filter(|target| target % 2 == 1) {
            let secret = [(OWNER.to_owned(), "a person".to_owned())].into();
            inner.push_version(&format!("apps/{}", path(user, target)), secret);
        }
    }
}

/// Checks that each target holds the key that the first one holds, and still the field of the
/// person.
pub(super) fn check(case: &Case, memory: &crate::testing::memory::Memory) {
    for user in 0..case.users.len() {
        let name = format!("/iam_users/user{user}_keys");
        let inner = memory.inner();
        let value = inner.parameters.get(&name).map(|(value, _)| value.clone());
        let first = inner.secret(&format!("secret/aws/iam-keys/user{user}"));
        for target in 0..case.more_targets {
            let secret = inner.secret(&format!("apps/{}", path(user, target)));
            let id = secret
                .as_ref()
                .and_then(|secret| secret.get("AWS_ACCESS_KEY_ID"));
            let key = value.as_ref().and_then(|value| key_of(value));
            let recorded = case.users[user].recorded;
            let is_superseded =
                key.is_some_and(|key| recorded.is_some_and(|record| is_newer(record, key)));
            if key.is_some() && !is_superseded {
                let first = first.as_ref().map(|first| &first["accessKeyId"]);
                assert_eq!(id, first, "user{user}: each target holds the same key");
            }
            if target % 2 == 1 {
                let owner = secret.as_ref().and_then(|secret| secret.get(OWNER));
                assert!(owner.is_some(), "user{user}: the neighbour is kept");
            }
        }
    }
}
