//! How AWS is reached: read by the rules of our own variables, and handed to the AWS SDK explicitly.
//! The SDK takes empty values and white space as they are.

use secrecy::SecretString;

use super::authorities::Authorities;
use super::reader::Reader;

/// How AWS is reached.
#[derive(Debug)]
pub struct AwsConfig {
    /// Custom endpoints.
    pub endpoints: Endpoints,
    /// The given credentials. Without them `keysync` tries the sources of the AWS CLI.
    pub credentials: Option<AwsCredentials>,
    /// Whether to use the endpoints with FIPS 140 cryptography, if that is configured.
    pub use_fips: Option<bool>,
    /// Whether to use the endpoints with IPv4 and IPv6, if that is configured.
    pub use_dual_stack: Option<bool>,
    /// The only trusted authorities, if given; otherwise those of the system are trusted.
    pub authorities: Option<Authorities>,
    /// The variables that the credential sources of the AWS SDK read.
    #[cfg(feature = "cli")]
    pub variables: Vec<(&'static str, SecretString)>,
}

/// Custom endpoints.
#[derive(Debug, Default)]
pub struct Endpoints {
    /// For all services without an endpoint of their own.
    pub all: Option<String>,
    /// For SSM.
    pub ssm: Option<String>,
    /// For S3.
    pub s3: Option<String>,
    /// For DynamoDB.
    pub dynamodb: Option<String>,
    /// For IAM, which only `keysync` calls.
    #[cfg(feature = "cli")]
    pub iam: Option<String>,
    /// For Lambda, which only `keysync` calls.
    #[cfg(feature = "cli")]
    pub lambda: Option<String>,
}

/// Credentials from the environment.
#[derive(Debug)]
pub struct AwsCredentials {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: SecretString,
    /// The session token of temporary credentials.
    pub session_token: Option<SecretString>,
}

/// The variables of the credential sources, which only `keysync` has. They are handed to the AWS
/// SDK as they are read here.
#[cfg(feature = "cli")]
const OF_CREDENTIAL_SOURCES: [&str; 17] = [
    "HOME",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_LOGIN_CACHE_DIRECTORY",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_SDK_UA_APP_ID",
    "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH",
];

/// The custom endpoints of the services that issue credentials.
#[cfg(feature = "cli")]
const OF_CREDENTIAL_SERVICES: [&str; 4] = [
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_ENDPOINT_URL_SIGNIN",
];

impl Reader<'_> {
    /// Reads the Region: `AWS_REGION`, else `AWS_DEFAULT_REGION`.
    pub(super) fn region(&mut self) -> Option<String> {
        let mut region = |variable| {
            let region = self.text(variable)?;
            if is_region(&region) {
                return Some(region);
            }
            self.problem(variable, NO_REGION);
            None
        };
        let (region, default) = (region("AWS_REGION"), region("AWS_DEFAULT_REGION"));
        region.or(default)
    }

    pub(super) fn aws(&mut self, host_authorities: Option<&Authorities>) -> AwsConfig {
        let given = Endpoints {
            all: self.aws_endpoint("AWS_ENDPOINT_URL"),
            ssm: self.aws_endpoint("AWS_ENDPOINT_URL_SSM"),
            s3: self.aws_endpoint("AWS_ENDPOINT_URL_S3"),
            dynamodb: self.aws_endpoint("AWS_ENDPOINT_URL_DYNAMODB"),
            #[cfg(feature = "cli")]
            iam: self.aws_endpoint("AWS_ENDPOINT_URL_IAM"),
            #[cfg(feature = "cli")]
            lambda: self.aws_endpoint("AWS_ENDPOINT_URL_LAMBDA"),
        };
        let ignored = self.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == Some(true);
        let endpoints = if ignored { Endpoints::default() } else { given };
        #[cfg(feature = "cli")]
        let all = endpoints.all.clone();
        AwsConfig {
            endpoints,
            credentials: self.aws_credentials(),
            use_fips: self.flag("AWS_USE_FIPS_ENDPOINT"),
            use_dual_stack: self.flag("AWS_USE_DUALSTACK_ENDPOINT"),
            authorities: self
                .authorities(None, "AWS_CA_BUNDLE")
                .or_else(|| host_authorities.cloned()),
            #[cfg(feature = "cli")]
            variables: self.credential_sources(ignored, all),
        }
    }

    fn aws_credentials(&mut self) -> Option<AwsCredentials> {
        let mut part = |variable| {
            let value = self.text(variable);
            value.and_then(|value| self.header(variable, value))
        };
        let (id, secret) = (part("AWS_ACCESS_KEY_ID"), part("AWS_SECRET_ACCESS_KEY"));
        let session_token = part("AWS_SESSION_TOKEN").map(SecretString::from);
        match (id, secret) {
            (Some(id), Some(secret)) => Some(AwsCredentials {
                id,
                secret: secret.into(),
                session_token,
            }),
            (None, None) => None,
            (id, _) => {
                let (missing, given) = match id {
                    Some(_) => ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
                    None => ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
                };
                if !self.has_problem(missing) {
                    let problem = format!("is not set, but {given} is; expected both or neither");
                    self.problem(missing, problem);
                }
                None
            }
        }
    }

    #[cfg(feature = "cli")]
    fn credential_sources(
        &mut self,
        ignored: bool,
        all: Option<String>,
    ) -> Vec<(&'static str, SecretString)> {
        let endpoints = OF_CREDENTIAL_SERVICES.map(|variable| {
            let endpoint = self.aws_endpoint(variable);
            (variable, endpoint.filter(|_| !ignored))
        });
        let token = "AWS_WEB_IDENTITY_TOKEN_FILE";
        if self.text(token).is_some() && self.text("AWS_ROLE_ARN").is_none() {
            let problem = format!("is not set, but {token} is; expected the role to assume");
            self.problem("AWS_ROLE_ARN", problem);
        }
        let ignored = ignored.then(|| "true".to_owned());
        let variables = OF_CREDENTIAL_SOURCES.map(|variable| (variable, self.text(variable)));
        variables
            .into_iter()
            .chain(endpoints)
            .chain([
                ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", ignored),
                ("AWS_ENDPOINT_URL", all),
            ])
            .filter_map(|(variable, value)| Some((variable, SecretString::from(value?))))
            .collect()
    }
}

/// What is wrong with a text that is not a Region.
pub const NO_REGION: &str = "is not a Region; expected one such as ca-central-1";

/// Returns whether a text has the form of a Region. It becomes part of a host name.
pub fn is_region(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= 63 && text.bytes().all(legal) && !text.starts_with('-') && !text.ends_with('-')
}
