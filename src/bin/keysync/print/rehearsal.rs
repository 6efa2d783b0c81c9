//! The text output of a rehearsal.

use nr_iam_key_sync::{CheckStatus, Rehearsal};

use crate::screen::{Screen, Tone, render};

/// Formats what a rehearsal showed.
pub fn rehearsal(rehearsal: &Rehearsal, screen: Screen) -> String {
    let mut table = screen.table(&["STAGE", "RESULT", "TIME", "DETAIL"]);
    for stage in &rehearsal.stages {
        let (word, tone) = match stage.status {
            CheckStatus::Pass => ("pass", Tone::Good),
            CheckStatus::Warn => ("warn", Tone::Warning),
            CheckStatus::Fail => ("FAIL", Tone::Bad),
            CheckStatus::Skip => ("skip", Tone::Plain),
        };
        let time = stage.seconds;
        let time = time.map_or("-".to_owned(), |seconds| format!("{seconds:.1} s"));
        let remedy = stage.remedy.as_ref();
        let remedy = remedy.map_or(String::new(), |remedy| format!("\n-> {remedy}"));
        table.add_row([
            screen.cell(stage.name, Tone::Plain),
            screen.cell(word, tone),
            screen.cell(time, Tone::Plain),
            screen.cell(format!("{}{remedy}", stage.detail), Tone::Plain),
        ]);
    }
    let user = &rehearsal.user;
    let result = if rehearsal.has_passed() {
        format!("The event path works. The user {user} stays recorded as retired.\n")
    } else {
        "The rehearsal failed.\n".to_owned()
    };
    render(&table) + "\n" + &result
}
