//! The operator's command line.

use clap::Command;

fn main() {
    Command::new("keysync")
        .version(env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .arg_required_else_help(true)
        .get_matches();
}
