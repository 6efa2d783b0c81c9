//! What the documentation quotes is what the binary prints.

use crate::command::{end, start};
use crate::stack::checkout;

/// Every quoted help text, with the command that prints it.
fn quoted() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(checkout().join("docs/command-line.md")).unwrap();
    let blocks = text.split("```console\n$ keysync ").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    blocks.map(|block| block.split_once('\n').unwrap()).map(|(command, help)| (command.into(), help.into())).collect()
}

#[tokio::test]
async fn every_quoted_help_is_what_the_binary_prints() {
    for (command, help) in quoted() {
        let arguments = command.split(' ').collect::<Vec<_>>();
        assert_eq!(end(start(&arguments, &[]), "").await.out, help, "keysync {command}");
    }
}

#[tokio::test]
async fn every_command_is_told_of() {
    let help = end(start(&["-h"], &[]), "").await.out;
    let commands = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let commands =
        commands.lines().filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let headings = std::fs::read_to_string(checkout().join("docs/command-line.md")).unwrap();
    for command in commands.filter(|command| !["completions", "man", "help"].contains(command)) {
        assert!(headings.contains(&format!("\n## {command}\n")), "{command} has no section");
        assert!(
            quoted().iter().any(|(quoted, _)| quoted.split(' ').next() == Some(command)),
            "{command} is not quoted"
        );
    }
}
