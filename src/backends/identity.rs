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

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use secrecy::ExposeSecret;
    use serde_json::Value;

    use super::*;

    async fn signed(region: &str, server_id: Option<&str>) -> (String, Value) {
        let credentials =
            Credentials::new("AKIDEXAMPLE", "secret", Some("session".into()), None, "");
        let login = AwsLogin {
            role: "role".to_owned(),
            mount: "aws".to_owned(),
            region: None,
            server_id: server_id.map(str::to_owned),
        };
        let provider = Some(SharedCredentialsProvider::new(credentials));
        let identity = AwsIdentity::new(provider, login, region.to_owned());
        let request = identity.login_request().await.unwrap();
        let headers = serde_json::from_str(request.headers.expose_secret()).unwrap();
        (request.url, headers)
    }

    #[tokio::test]
    async fn a_login_is_signed_for_sts_of_the_region_with_all_headers_that_vault_asks_for() {
        let (url, headers) = signed("ca-central-1", Some("vault.example.org")).await;
        assert_eq!(url, "https://sts.ca-central-1.amazonaws.com/");
        assert_eq!(headers["Host"][0], "sts.ca-central-1.amazonaws.com");
        assert_eq!(headers["X-Vault-AWS-IAM-Server-ID"][0], "vault.example.org");
        assert_eq!(headers["x-amz-security-token"][0], "session");
        let authorization = headers["authorization"][0].as_str().unwrap();
        for part in [
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/",
            "/ca-central-1/sts/aws4_request",
            "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-vault-aws-iam-server-id",
        ] {
            assert!(authorization.contains(part), "{part}: {authorization}");
        }
        let names = headers.as_object().unwrap().keys();
        let unknown = names.filter(|name| name.starts_with("x-amz-content"));
        assert_eq!(unknown.count(), 0, "Vault refuses other headers of AWS");
        let (url, headers) = signed("cn-north-1", None).await;
        assert_eq!(url, "https://sts.cn-north-1.amazonaws.com.cn/");
        assert!(headers.get("X-Vault-AWS-IAM-Server-ID").is_none());
    }

    #[tokio::test]
    async fn a_login_without_credentials_names_where_to_set_them() {
        let login = AwsLogin {
            role: String::new(),
            mount: String::new(),
            region: None,
            server_id: None,
        };
        let identity = AwsIdentity::new(None, login, "ca-central-1".to_owned());
        let error = identity.login_request().await.err().unwrap().to_string();
        assert!(error.contains("AWS_ACCESS_KEY_ID"), "{error}");
    }
}
