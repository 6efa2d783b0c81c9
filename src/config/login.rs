//! The login to Vault with the AWS identity, in place of a stored token.

use super::aws::{NO_REGION, is_region};
use super::reader::Reader;

/// What belongs to a login only.
const OF_LOGIN: [&str; 4] = [
    "VAULT_AUTH_ROLE",
    "VAULT_AUTH_MOUNT",
    "VAULT_AUTH_AWS_REGION",
    "VAULT_AUTH_AWS_SERVER_ID",
];

/// A login to Vault's auth method `aws`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsLogin {
    /// The role of the auth method.
    pub role: String,
    /// The mount of the auth method.
    pub mount: String,
    /// The Region of the STS endpoint that Vault asks; `None` for the Region of the AWS services.
    pub region: Option<String>,
    /// The value of the header `X-Vault-AWS-IAM-Server-ID`, if the mount requires one.
    pub server_id: Option<String>,
}

/// The variable that selects the login.
const METHOD: &str = "VAULT_AUTH_METHOD";

impl Reader<'_> {
    /// Returns whether a login is selected, even if it has problems.
    pub(super) fn logs_in(&mut self) -> bool {
        self.text(METHOD).as_deref() == Some("aws")
    }

    /// Reads the login; `None` if a token is used.
    pub(super) fn login(&mut self) -> Option<AwsLogin> {
        match self.text(METHOD).as_deref() {
            Some("aws") => {}
            method => {
                let is_known = matches!(method, None | Some("token"));
                self.require(is_known, METHOD, "is neither token nor aws");
                for variable in OF_LOGIN.into_iter().filter(|_| is_known) {
                    if self.text(variable).is_some() {
                        let problem = "is set, but VAULT_AUTH_METHOD is not aws; expected both or \
                            neither";
                        self.problem(variable, problem);
                    }
                }
                return None;
            }
        }
        if self.text("VAULT_TOKEN").is_some() {
            let problem = "is set, but VAULT_AUTH_METHOD is aws; expected one of the two";
            self.problem("VAULT_TOKEN", problem);
        }
        let role = self.text("VAULT_AUTH_ROLE").unwrap_or_default();
        let problem = "is not set; expected the role of the login (VAULT_AUTH_METHOD=aws)";
        self.require(!role.is_empty(), "VAULT_AUTH_ROLE", problem);
        let region = self.text("VAULT_AUTH_AWS_REGION");
        if region.as_deref().is_some_and(|region| !is_region(region)) {
            self.problem("VAULT_AUTH_AWS_REGION", NO_REGION);
        }
        let server_id = self.text("VAULT_AUTH_AWS_SERVER_ID");
        Some(AwsLogin {
            role,
            mount: self.path("VAULT_AUTH_MOUNT", "aws"),
            region,
            server_id: server_id.and_then(|id| self.header("VAULT_AUTH_AWS_SERVER_ID", id)),
        })
    }
}
