//! The addresses of Vault and of custom AWS endpoints: https, or http for a loopback host.

use std::net::IpAddr;

use reqwest::Url;

use super::reader::Reader;

impl Reader<'_> {
    pub(super) fn address(&mut self) -> Url {
        let unset = || Url::parse("https://vault.invalid").expect("the text is a URL");
        let Some(value) = self.text("VAULT_ADDR") else {
            let problem =
                "is not set; expected the address of Vault, such as https://vault.example.org:8200";
            self.problem("VAULT_ADDR", problem);
            return unset();
        };
        let problem = match Url::parse(&value) {
            Err(_) => "is not a URL; expected one such as https://vault.example.org:8200",
            Ok(url) if !matches!(url.scheme(), "http" | "https") => "is neither https nor http",
            Ok(url) if url.scheme() == "http" && !is_loopback(&url) => {
                "is http, which is allowed only for a loopback host; expected https"
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                "contains a user name or password; expected only scheme, host and port"
            }
            Ok(url) if url.path() != "/" || url.query().is_some() || url.fragment().is_some() => {
                "has a path, query or fragment; expected only scheme, host and port"
            }
            Ok(url) => return url,
        };
        self.problem("VAULT_ADDR", problem);
        unset()
    }

    /// Reads a custom AWS endpoint: keys and the Vault token travel on it.
    pub(super) fn aws_endpoint(&mut self, variable: &'static str) -> Option<String> {
        let value = self.text(variable)?;
        match aws_endpoint(&value) {
            Ok(endpoint) => Some(endpoint),
            Err(problem) => {
                self.problem(variable, problem);
                None
            }
        }
    }
}

/// Returns a custom AWS endpoint as the AWS SDK takes it.
///
/// # Errors
/// The problem, and what was expected.
pub fn aws_endpoint(value: &str) -> Result<String, &'static str> {
    let url = Url::parse(value)
        .map_err(|_| "is not a URL; expected one such as https://vpce.example.org")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("is neither https nor http");
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err("is http, which is allowed only for a loopback host; expected https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("contains a user name or password; expected only scheme, host, port and path");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or fragment; expected only scheme, host, port and path");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
