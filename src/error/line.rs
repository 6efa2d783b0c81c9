//! An error as `keysync --output json` writes it: one line of JSON each, on standard error.

use serde::Serialize;

use super::Error;

/// An error, for programs.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct ErrorLine {
    /// Always `error`.
    pub status: &'static str,
    /// The kind: the `errorType` of the function, or `Usage`.
    pub r#type: &'static str,
    /// The text, with the remedy.
    pub message: String,
    /// The remedy alone, if the error has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<&'static str>,
}

impl ErrorLine {
    /// Creates the line of an error without a remedy of its own.
    pub fn new(r#type: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: "error",
            r#type,
            message: message.into(),
            remedy: None,
        }
    }

    /// Returns the lines of an error: one for each problem of the configuration, else one.
    pub fn of(error: &Error) -> Vec<Self> {
        let line = |message| Self::new(error.kind(), message);
        match error {
            Error::BadConfiguration(problems) => problems
                .iter()
                .map(|problem| line(problem.to_string()))
                .collect(),
            error => vec![Self {
                remedy: error.remedy(),
                ..line(error.to_string())
            }],
        }
    }
}
