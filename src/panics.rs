//! Turns a panic into an error that names its place.
//!
//! The message of a panic is neither logged nor reported, because it can quote a value.

use std::cell::RefCell;
use std::io::Write;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use crate::error::Error;

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Lets [`catch_panic`] name the place of a panic. Prints the place, but not the message.
pub fn record_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|location| {
            let parts = location.file().split('/').collect::<Vec<_>>();
            // From the folder of the crate on, which names its version.
            let source = parts.iter().rposition(|part| *part == "src");
            let first = source.map_or(0, |source| source.saturating_sub(1));
            format!("{}:{}", parts[first..].join("/"), location.line())
        });
        // Not `eprintln!`: a panic here, because the terminal is gone, would abort the process.
        let shown = place.as_deref().unwrap_or("an unknown place");
        let _ = writeln!(std::io::stderr(), "panic at {shown}");
        PLACE.set(place);
    }));
}

/// Waits for `work`.
///
/// # Errors
/// Those of `work`; [`Error::Panicked`] if it panics.
pub async fn catch_panic<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let result = AssertUnwindSafe(work).catch_unwind().await;
    result.unwrap_or_else(|_| {
        let place = PLACE.take();
        Err(Error::Panicked {
            place: place.unwrap_or_else(|| "an unknown place".to_owned()),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_without_its_message() {
        let work = async {
            let number: u32 = "sentinel".parse().expect("sentinel");
            Ok(number)
        };
        let text = catch_panic(work).await.unwrap_err().to_string();
        assert!(text.starts_with("a defect: a panic at "), "{text}");
        assert!(!text.contains("sentinel"), "{text}");
    }

    #[tokio::test]
    async fn a_result_is_passed_on() {
        assert_eq!(catch_panic(async { Ok(1) }).await.unwrap(), 1);
        let failed = catch_panic(async { Err::<(), _>(Error::OutOfTime) }).await;
        assert!(matches!(failed, Err(Error::OutOfTime)));
    }
}
