//! The remedy of an error, apart from its cause.

use super::{Error, RETRY_LATER};

impl Error {
    /// Replaces the remedy of an error of a service.
    #[must_use]
    pub(crate) fn with_remedy(mut self, text: &'static str) -> Self {
        if let Self::Denied { remedy, .. }
        | Self::Missing { remedy, .. }
        | Self::Unreachable { remedy, .. }
        | Self::Unavailable { remedy, .. }
        | Self::Throttled { remedy, .. }
        | Self::Unexpected { remedy, .. } = &mut self
        {
            *remedy = text;
        }
        self
    }

    /// Returns the remedy that the error names, unless it is only to retry.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        let remedy = self.remedy_text();
        Some(remedy).filter(|text| !matches!(*text, "" | RETRY_LATER))
    }

    /// Returns the text of the error up to its remedy.
    pub(crate) fn without_remedy(&self) -> String {
        let text = self.to_string();
        let cause = text
            .strip_suffix(self.remedy_text())
            .and_then(|text| text.strip_suffix("; "));
        cause.map_or_else(|| text.clone(), str::to_owned)
    }

    /// Returns the cause of a service's error, without the operation and its object, and without a
    /// code at its end: services have different codes for one cause.
    pub(crate) fn cause(&self) -> Option<&str> {
        let problem = match self {
            Self::Denied { problem, .. }
            | Self::Unreachable { problem, .. }
            | Self::Unavailable { problem, .. }
            | Self::Throttled { problem, .. }
            | Self::Unexpected { problem, .. } => problem,
            Self::Missing { .. } => "not found",
            _ => return None,
        };
        let without_code = problem.strip_suffix(')');
        let without_code = without_code.and_then(|text| text.rsplit_once(" ("));
        Some(without_code.map_or(problem, |(cause, _)| cause))
    }

    fn remedy_text(&self) -> &'static str {
        match self {
            Self::Denied { remedy, .. }
            | Self::Missing { remedy, .. }
            | Self::Unreachable { remedy, .. }
            | Self::Unavailable { remedy, .. }
            | Self::Throttled { remedy, .. }
            | Self::Unexpected { remedy, .. } => remedy,
            _ => "",
        }
    }
}
