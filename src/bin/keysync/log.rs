//! The log of a command, on standard error.

use std::io::Write;

use indicatif::ProgressBar;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::{MakeWriter, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::printable::printable;

/// Starts the log of this level and above. Lines do not disturb `bar`. Other crates are not logged,
/// because some of their lines quote responses.
pub fn start(level: Level, bar: ProgressBar) {
    let targets = Targets::new()
        .with_target("nr_iam_key_sync", level)
        .with_target("keysync", level);
    let writer = SuspendBar(bar);
    let lines = layer()
        .with_writer(writer)
        .with_ansi(false)
        .with_target(false);
    if level == Level::DEBUG {
        tracing_subscriber::registry()
            .with(lines.with_filter(targets))
            .init();
    } else {
        // A message is readable alone, so its fields are left out.
        let message = debug_fn(|writer: &mut Writer<'_>, field, value| match field.name() {
            "message" => write!(writer, "warning: {value:?}"),
            _ => Ok(()),
        });
        let lines = lines.without_time().with_level(false).fmt_fields(message);
        tracing_subscriber::registry()
            .with(lines.with_filter(targets))
            .init();
    }
}

/// Standard error, with the bar hidden during a write.
#[derive(Clone)]
struct SuspendBar(ProgressBar);

impl Write for SuspendBar {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        let line = String::from_utf8_lossy(text);
        let line = printable(&line);
        // A lost line is no failure of the command. An error would be printed, to the same stream.
        self.0.suspend(|| {
            let _ = std::io::stderr().write_all(line.as_bytes());
        });
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for SuspendBar {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
