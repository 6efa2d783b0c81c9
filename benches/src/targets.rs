//! Targets documents for the users of a measurement.

use serde_json::json;

/// The targets of each user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Targets {
    /// The number of targets of each user.
    pub per_user: usize,
    /// True if the fields of the key are merged into the secrets with a PATCH; false if the secrets
    /// are replaced, in the form that they have without a document.
    pub merge: bool,
}

impl Targets {
    /// Returns the name in tables and limits.
    pub fn name(self) -> String {
        let Self { per_user, merge } = self;
        let merged = if merge { " merged" } else { "" };
        let plural = if per_user == 1 { "" } else { "s" };
        format!("{per_user}{merged} target{plural}")
    }

    /// Returns the document that names the targets of these users.
    pub fn document(self, users: &[String]) -> String {
        let target = |path: &str| json!({"mount": "apps", "path": path});
        let entry = |user: &String| {
            let paths = (0..self.per_user).map(|n| path(user, n));
            let targets: Vec<_> = paths.map(|path| target(&path)).collect();
            json!({"name": format!("/iam_users/{user}_keys"), "targets": targets})
        };
        let mut document = json!({
            "region": "ca-central-1",
            "merge": self.merge,
            "parameters": users.iter().map(entry).collect::<Vec<_>>(),
        });
        if !self.merge {
            document["fields"] = json!({
                "accessKeyId": "{accessKeyId}",
                "secretAccessKey": "{secretAccessKey}",
                "userName": "{userName}",
                "syncedAt": "{syncedAt}",
            });
        }
        document.to_string()
    }

    /// Returns the secrets of a user.
    fn secrets(self, user: &str) -> Vec<String> {
        let secret = |n| format!("apps/{}", path(user, n));
        (0..self.per_user).map(secret).collect()
    }
}

/// Returns the secrets of a user with these targets, or without a document.
pub fn secrets_of(targets: Option<Targets>, user: &str) -> Vec<String> {
    targets.map_or_else(
        || vec![format!("secret/aws/iam-keys/{user}")],
        |targets| targets.secrets(user),
    )
}

/// Returns the path of a user's target on its mount.
fn path(user: &str, n: usize) -> String {
    format!("prod/bench/{user}/aws-ssm-sync/{n}")
}
