//! An operator with permissions of their own.

use super::TestEnv;

impl TestEnv<'_> {
    /// Creates an IAM user with this policy; returns an access key of the user.
    pub async fn operator(&self, policy: &str) -> (String, String) {
        let name = "operator";
        self.iam.create_user().user_name(name).send().await.unwrap();
        let put = self.iam.put_user_policy().user_name(name);
        let put = put.policy_name("rehearse").policy_document(policy);
        put.send().await.unwrap();
        let key = self.iam.create_access_key().user_name(name).send().await;
        let key = key.unwrap().access_key.unwrap();
        (key.access_key_id, key.secret_access_key)
    }

    /// Returns whether a user has a parameter.
    pub async fn has_parameter(&self, user: &str) -> bool {
        self.parameter_version(user).await > 0
    }

    /// Returns the version of the user's parameter; 0 if there is none.
    pub async fn parameter_version(&self, user: &str) -> i64 {
        let read = self.ssm.get_parameter().name(self.parameter(user));
        let read = read.send().await.ok().and_then(|answer| answer.parameter);
        read.map_or(0, |parameter| parameter.version)
    }
}
