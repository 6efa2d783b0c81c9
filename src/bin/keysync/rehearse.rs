//! Runs a rehearsal.

use indicatif::ProgressBar;
use nr_iam_key_sync::{Error, KeySync, Rehearse};

use crate::exit::Exit;
use crate::output::Output;
use crate::print;
use crate::progress::Bar;

/// Rehearses a rotation and a deletion. A first interrupt deletes the parameter and ends.
///
/// # Errors
/// Those that prevented the rehearsal.
pub async fn run(
    keysync: KeySync,
    order: &Rehearse,
    out: Output,
    bar: ProgressBar,
) -> Result<Exit, Error> {
    let bar = Bar::of_stages(bar);
    let rehearsal = bar
        .run(keysync.rehearse(order, bar.cancel(), |stage| bar.show_stage(stage)))
        .await?;
    out.write(&rehearsal, |screen| print::rehearsal(&rehearsal, screen));
    Ok(if rehearsal.has_passed() {
        Exit::Done
    } else {
        Exit::Failed
    })
}
