//! Types that hold a secret cannot be serialized or displayed, and their `Debug` output hides it.
//!
//! Each of them keeps the secret in a [`SecretString`] or in another type of the list, and so wipes
//! it on drop. A private type cannot be listed here; it is covered by its members, because a
//! derived `Serialize` needs theirs.

use std::fmt::{Debug, Display};

use secrecy::zeroize::ZeroizeOnDrop;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use static_assertions::{assert_impl_all, assert_not_impl_any};

use crate::backends::VaultSecret;
use crate::backends::identity::AwsIdentity;
use crate::backends::tokens::StoredToken;
use crate::backends::vault::VaultServer;
use crate::config::{Config, TargetDefaults, VaultConfig};
use crate::keys::{AccessKey, UserName};
use crate::observe::Observed;
use crate::session::{TokenSource, VaultSession};
use crate::snapshot::{ParameterReading, Revision};
use crate::targets::{SecretFields, Targets};
use crate::token::{LoginRequest, LoginToken, TokenObject};

assert_impl_all!(SecretString: ZeroizeOnDrop);

assert_not_impl_any!(SecretString: Serialize, Display);
assert_not_impl_any!(AccessKey: Serialize, Display);
assert_not_impl_any!(SecretFields: Serialize, Display, Clone);
assert_not_impl_any!(ParameterReading: Serialize, Display);
assert_not_impl_any!(Observed: Serialize, Display);
assert_not_impl_any!(VaultSecret: Serialize, Display);
assert_not_impl_any!(TokenObject: Serialize, Display);
assert_not_impl_any!(LoginRequest: Serialize, Display, Debug);
assert_not_impl_any!(LoginToken: Serialize, Display, Debug);
assert_not_impl_any!(TokenSource<StoredToken, AwsIdentity>: Serialize, Display);
assert_not_impl_any!(VaultSession<VaultServer, StoredToken, AwsIdentity>: Serialize, Display);
assert_not_impl_any!(VaultConfig: Serialize, Display);
assert_not_impl_any!(Config: Serialize, Display);

#[test]
fn debug_output_hides_every_secret() {
    const SENTINEL: &str = "SENTINEL/secret/of/the/test";
    let key = || AccessKey::new("AKIAIOSFODNN7EXAMPLE".to_owned(), SENTINEL.into()).unwrap();
    let value = format!(
        r#"{{"current": {{"AccessKeyID": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "{SENTINEL}"}}}}"#
    );
    let modified = jiff::Timestamp::UNIX_EPOCH;
    let revision = Revision {
        modified,
        version: 1,
    };
    let token = format!(r#"{{"token": "{SENTINEL}"}}"#);
    let config = Config::read(|name| match name {
        "VAULT_ADDR" => Some("https://vault.example.org".to_owned()),
        "VAULT_TOKEN" => Some(SENTINEL.to_owned()),
        _ => None,
    });
    let user = UserName::parse("alice").unwrap();
    let document = br#"{"parameters": [{"name": "/iam_users/alice_keys", "targets": [
        {"mount": "m", "path": "p", "region": "r",
            "fields": {"key": "{secretAccessKey}", "password": "{sesSmtpPassword}"}}]}]}"#;
    let defaults = TargetDefaults::read(|_| None).unwrap();
    let targets = Targets::parse(document, &defaults).unwrap();
    let fields = targets.for_user(&user)[0].render(&key(), &user, modified);
    let password = fields.get("password").unwrap().expose_secret().to_owned();
    assert!(!format!("{fields:#?}").contains(&password), "{fields:?}");
    for shown in [
        format!("{fields:?}"),
        format!("{:?}", key()),
        format!(
            "{:#?}",
            ParameterReading::parse(&value.as_str().into(), revision)
        ),
        format!("{:?}", VaultSecret::Key(Some(key()), 1)),
        format!("{:?}", TokenObject::parse(token.as_bytes()).unwrap()),
        format!("{:?}", config.unwrap()),
    ] {
        assert!(
            shown.contains("REDACTED") && !shown.contains(SENTINEL),
            "{shown}"
        );
    }
}
