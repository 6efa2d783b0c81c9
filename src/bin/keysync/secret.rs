//! Reads a secret that is typed or piped in; it is never an argument and never shown.

use std::io::{IsTerminal, Read};

use nr_iam_key_sync::Error;
use secrecy::SecretString;
use zeroize::Zeroizing;

/// The length limit; above that of any token.
const MAX_LENGTH: usize = 64 * 1024;

/// Reads a secret from standard input; on a terminal with `prompt` and without echo.
///
/// # Errors
/// [`Error::BadToken`] if it cannot be read or is not UTF-8.
pub fn read(prompt: &str) -> Result<SecretString, Error> {
    let unreadable = |error: std::io::Error| {
        Error::BadToken(format!("it cannot be read from standard input: {error}"))
    };
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt)
            .map(SecretString::from)
            .map_err(unreadable);
    }
    // The full capacity from the start, so that no copy stays behind when the buffer grows.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_LENGTH));
    std::io::stdin()
        .take(MAX_LENGTH as u64)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    let text = std::str::from_utf8(&text)
        .map_err(|_| Error::BadToken("it is not UTF-8 text".to_owned()))?;
    Ok(SecretString::from(text))
}
