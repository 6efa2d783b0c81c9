//! The AWS identity of this process, as Vault's auth method `aws` asks for it
//! (<https://developer.hashicorp.com/vault/docs/auth/aws#iam-auth-method>).

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

use super::Identity;
use super::aws::credentials_error;
use crate::config::AwsLogin;
use crate::error::Error;
use crate::token::LoginRequest;

const OPERATION: &str = "signing the login to Vault with";
const SUBJECT: &str = "the AWS credentials";

const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";
const SERVER_ID: &str = "X-Vault-AWS-IAM-Server-ID";

/// The credentials of this process, and the login that they sign.
#[derive(Debug)]
pub struct AwsIdentity {
    credentials: Option<SharedCredentialsProvider>,
    login: AwsLogin,
    region: String,
}

impl AwsIdentity {
    /// Creates the identity of these credentials. `region` is that of STS.
    pub fn new(
        credentials: Option<SharedCredentialsProvider>,
        login: AwsLogin,
        region: String,
    ) -> Self {
        Self {
            credentials,
            login,
            region,
        }
    }

    /// Returns the host of STS in the Region.
    fn host(&self) -> String {
        let domain = if self.region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        format!("sts.{}.{domain}", self.region)
    }
}

impl Identity for AwsIdentity {
    async fn login_request(&self) -> Result<LoginRequest, Error> {
        let unexpected = |problem: &str| Error::unexpected(OPERATION, SUBJECT, problem);
        let unsigned = || unexpected("they cannot sign a request");
        let credentials = match &self.credentials {
            Some(provider) => provider.provide_credentials().await,
            None => Err(CredentialsError::not_loaded_no_source()),
        };
        let credentials = credentials.map_err(|error| credentials_error(&error, unexpected))?;
        let credentials = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&credentials)
            .region(&self.region)
            .name("sts")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| unsigned())?
            .into();
        let (host, server_id) = (self.host(), self.login.server_id.as_deref());
        let url = format!("https://{host}/");
        let server_id = server_id.map(|id| (SERVER_ID, id));
        let given = [("Content-Type", CONTENT_TYPE), ("Host", &*host)];
        let given = given.into_iter().chain(server_id);
        let body = SignableBody::Bytes(BODY.as_bytes());
        let request = SignableRequest::new("POST", &url, given.clone(), body);
        let signed = sign(request.map_err(|_| unsigned())?, &params).map_err(|_| unsigned())?;
        let (signature, _) = signed.into_parts();
        let headers = given.chain(signature.headers());
        let headers = headers.map(|(name, value)| (name, [value]));
        let headers = headers.collect::<BTreeMap<_, _>>();
        let headers = serde_json::to_string(&headers).expect("headers are text");
        Ok(LoginRequest {
            role: self.login.role.clone(),
            mount: self.login.mount.clone(),
            url,
            body: BODY,
            headers: headers.into(),
        })
    }
}
