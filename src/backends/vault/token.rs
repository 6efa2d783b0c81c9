//! Endpoints of a token, asked with the token itself, where vaultrs's own lack something.

use jiff::Timestamp;
use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use serde::Deserialize;

use crate::token::{Lifetime, TokenFacts};

/// `auth/token/lookup-self`; vaultrs's own leaves out the period, which decides whether a token lives for ever.
pub(super) struct LookupSelf;

/// What is used of the answer (<https://developer.hashicorp.com/vault/api-docs/auth/token#lookup-a-token-self>).
#[derive(Deserialize)]
pub(super) struct LookedUp {
    ttl: u64,
    #[serde(default)]
    period: Option<u64>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    explicit_max_ttl: u64,
    #[serde(default)]
    renewable: Option<bool>,
    creation_time: i64,
    creation_ttl: u64,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    num_uses: i64,
    #[serde(default)]
    orphan: bool,
    #[serde(default)]
    policies: Option<Vec<String>>,
    #[serde(default)]
    identity_policies: Option<Vec<String>>,
}

impl LookedUp {
    pub(super) fn into_facts(self) -> TokenFacts {
        // A token role's period is not told: only its name is, and each renewal looks the period up there. So it is taken
        // for periodic, and a role without a period shows when a renewal no longer gives the full time.
        let of_role = self
            .role
            .is_some_and(|role| !role.is_empty())
            .then_some(self.creation_ttl);
        let lifetime = Lifetime {
            // A ttl of 0 in an answer means no end, not the end: an expired token gets no answer.
            ttl_seconds: Some(self.ttl).filter(|ttl| *ttl > 0),
            period_seconds: self.period.or(of_role).filter(|period| *period > 0),
            explicit_max_ttl_seconds: Some(self.explicit_max_ttl).filter(|ttl| *ttl > 0),
            creation_ttl_seconds: self.creation_ttl,
            renewable: self.renewable.unwrap_or(false),
            renewed: false,
            created_at: Timestamp::from_second(self.creation_time).unwrap_or(Timestamp::UNIX_EPOCH),
            as_of: Timestamp::now(),
        };
        let policies = self
            .policies
            .into_iter()
            .chain(self.identity_policies)
            .flatten()
            .collect();
        let batch = self.kind.as_deref() == Some("batch");
        TokenFacts {
            lifetime,
            batch,
            use_limited: self.num_uses > 0,
            orphan: self.orphan,
            policies,
        }
    }
}

impl Endpoint for LookupSelf {
    type Response = LookedUp;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        "auth/token/lookup-self".to_owned()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::GET
    }
}

/// `auth/token/renew-self`; vaultrs's own has a tab at the beginning of its path.
pub(super) struct RenewSelf;

impl Endpoint for RenewSelf {
    type Response = ();
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        "auth/token/renew-self".to_owned()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }
}
