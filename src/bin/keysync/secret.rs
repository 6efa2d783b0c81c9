//! A secret that is typed or piped in: never an argument, never shown.

use std::io::{IsTerminal, Read};

use nr_iam_key_sync::Error;
use secrecy::SecretString;
use zeroize::Zeroizing;

/// More than any token has.
const LONGEST: usize = 64 * 1024;

/// Reads a secret from standard input; from a terminal without echo, after `prompt`.
///
/// # Errors
/// [`Error::BadToken`] where it cannot be read, or is no text.
pub fn read(prompt: &str) -> Result<SecretString, Error> {
    let unreadable = |error: std::io::Error| {
        Error::BadToken(format!("it could not be read from standard input: {error}"))
    };
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt)
            .map(SecretString::from)
            .map_err(unreadable);
    }
    // Room for all of it from the beginning, so that growing leaves no copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST));
    std::io::stdin()
        .take(LONGEST as u64)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    let text =
        std::str::from_utf8(&text).map_err(|_| Error::BadToken("it is no text".to_owned()))?;
    Ok(SecretString::from(text))
}
