//! The check of a release's binaries.

#![cfg(target_os = "linux")]

use std::process::Command;

use crate::stack::checkout;

/// Checks the built function; returns whether it passed, and the error.
fn check(architecture: &str, glibc: &str) -> (bool, String) {
    let output = Command::new(checkout().join("release/check-binary"))
        .args([architecture, env!("CARGO_BIN_EXE_lambda"), glibc])
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    (output.status.success(), error)
}

#[test]
fn binary_for_another_machine_or_newer_glibc_is_rejected() {
    let (own, other) = match std::env::consts::ARCH {
        "aarch64" => ("arm64", "x86_64"),
        _ => ("x86_64", "arm64"),
    };
    assert_eq!(check(own, "2.99"), (true, String::new()));
    for (architecture, glibc, expected) in [
        (other, "2.99", "machine type"),
        (own, "2.4", "expected at most 2.4"),
        ("mips", "2.99", "unknown architecture mips"),
    ] {
        let (passed, error) = check(architecture, glibc);
        assert!(!passed && error.contains(expected), "{error}");
    }
}
