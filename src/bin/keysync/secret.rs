//! Reads a secret that is typed or piped in; it is never an argument and never shown.

use std::io::{IsTerminal, Read};

use nr_iam_key_sync::Error;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::printable::print_stderr;
use crate::progress::{INTERRUPTED, interrupt};

/// The length limit; above that of any token.
const MAX_LENGTH: usize = 64 * 1024;

/// Reads a secret from standard input; on a terminal with `prompt` and without echo.
///
/// # Errors
/// [`Error::BadToken`] if it cannot be read or is not UTF-8.
pub async fn read(prompt: &'static str) -> Result<SecretString, Error> {
    let unreadable = |error: std::io::Error| {
        Error::BadToken(format!("it cannot be read from standard input: {error}"))
    };
    if std::io::stdin().is_terminal() {
        let typed = typed(prompt).await.map_err(unreadable)?;
        return Ok(SecretString::from(typed));
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

/// Reads a line from the terminal without echo. A signal ends the program.
#[cfg(unix)]
async fn typed(prompt: &'static str) -> std::io::Result<String> {
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

    // rpassword restores the terminal when it returns. When a signal ends the program, that is too
    // late.
    let terminal = std::fs::File::open("/dev/tty")?;
    let settings = tcgetattr(&terminal)?;
    let typed = tokio::task::spawn_blocking(move || rpassword::prompt_password(prompt));
    let typed = tokio::select! {
        biased;
        () = interrupt() => None,
        typed = typed => Some(typed.expect("reading does not panic")),
    };
    match typed {
        Some(Err(error)) if error.kind() != std::io::ErrorKind::Interrupted => Err(error),
        Some(Ok(typed)) => Ok(typed),
        _ => {
            let _ = tcsetattr(&terminal, OptionalActions::Now, &settings);
            print_stderr("");
            std::process::exit(INTERRUPTED);
        }
    }
}

#[cfg(not(unix))]
async fn typed(prompt: &'static str) -> std::io::Result<String> {
    rpassword::prompt_password(prompt)
}
