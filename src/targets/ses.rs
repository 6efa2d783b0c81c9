//! The SMTP password of Amazon SES, which is derived from a secret access key for one Region
//! (<https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The length of a password: base64 of 33 bytes.
pub(super) const PASSWORD_LENGTH: usize = 44;

/// The version of the derivation, which is the first byte of a password.
const VERSION: u8 = 0x04;

/// Appends the password of a secret access key for a Region.
pub(super) fn push_password(text: &mut String, secret_access_key: &str, region: &str) {
    let initial = Zeroizing::new([b"AWS4", secret_access_key.as_bytes()].concat());
    let scope = ["11111111", region, "ses", "aws4_request", "SendRawEmail"];
    let signature = scope.iter().fold(initial, |key, message| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
        mac.update(message.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().to_vec())
    });
    let mut bytes = Zeroizing::new([VERSION; 33]);
    bytes[1..].copy_from_slice(&signature);
    let mut password = Zeroizing::new([0; PASSWORD_LENGTH]);
    STANDARD
        .encode_slice(bytes.as_slice(), password.as_mut_slice())
        .expect("33 bytes have 44 characters");
    text.push_str(std::str::from_utf8(password.as_slice()).expect("base64 is ASCII"));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published vectors of the derivation; their secrets are shorter than those of AWS.
    #[test]
    fn password_is_that_of_the_published_vectors() {
        for (region, secret, expected) in [
            (
                "eu-central-1",
                "some+secret+key",
                "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2",
            ),
            (
                "us-west-1",
                "another+secret+key",
                "BKVmjjMDFk/qqw8EROW99bjCS65PF8WKvK5bSr4Y6EqF",
            ),
        ] {
            let mut password = String::new();
            push_password(&mut password, secret, region);
            assert_eq!(password, expected, "{region}");
            assert_eq!(password.len(), PASSWORD_LENGTH);
        }
    }
}
