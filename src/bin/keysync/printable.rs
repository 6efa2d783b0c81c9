//! The filter for text on a terminal: names and codes from objects, events and services may contain
//! control characters, which could move the cursor, retitle the window or hide text.

use std::borrow::Cow;
use std::io::Write;

/// Returns the text with all control characters and direction overrides escaped, except line feeds,
/// tabs and the colour sequences of our own tables.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = colour_sequence(rest).unwrap_or(next.len_utf8());
        let (part, following) = rest.split_at(length);
        if length == next.len_utf8() && is_unsafe(next) {
            safe.extend(next.escape_unicode());
        } else {
            safe.push_str(part);
        }
        rest = following;
    }
    Cow::Owned(safe)
}

/// Prints a line to standard error.
pub fn print_stderr(line: &str) {
    // A line feed of a service's text would forge a line.
    print_as_it_is(&printable(line).replace('\n', "\\n"));
}

/// Prints a line to standard error, without a filter. Unlike `eprintln!`, it does not panic if the
/// terminal is gone.
pub fn print_as_it_is(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn is_unsafe(c: char) -> bool {
    let is_direction_override =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && !matches!(c, '\n' | '\t')) || is_direction_override
}

/// The colour sequences of our own tables: green, yellow, red, and the end of a colour. No other one
/// passes, because some hide text.
const COLOURS: [&str; 4] = [
    "\u{1b}[38;5;10m",
    "\u{1b}[38;5;11m",
    "\u{1b}[38;5;9m",
    "\u{1b}[39m",
];

/// Returns the length of the colour sequence that the text begins with.
fn colour_sequence(text: &str) -> Option<usize> {
    let mut colours = COLOURS.iter();
    let colour = colours.find(|colour| text.starts_with(**colour))?;
    Some(colour.len())
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn control_characters_are_escaped_and_text_and_colours_stay() {
        for (text, expected) in [
            ("alice\twritten …KEY\n", "alice\twritten …KEY\n"),
            (
                "\u{1b}[38;5;10mgood\u{1b}[39m",
                "\u{1b}[38;5;10mgood\u{1b}[39m",
            ),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{1b}[8mhidden", "\\u{1b}[8mhidden"),
            ("a\rb\u{8}\u{9b}31m", "a\\u{d}b\\u{8}\\u{9b}31m"),
            ("\u{202e}txet", "\\u{202e}txet"),
            ("\u{1b}", "\\u{1b}"),
        ] {
            assert_eq!(printable(text), expected, "{text:?}");
        }
    }
}
