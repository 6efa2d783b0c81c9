//! Namespaces of Vault.

/// Returns a namespace as the beginning of a path in the namespace `own`; `None` if it is not below
/// that one.
pub(crate) fn relative_namespace(namespace: Option<&str>, own: Option<&str>) -> Option<String> {
    let below = match (own, namespace) {
        (own, namespace) if own == namespace => return Some(String::new()),
        (None, Some(namespace)) => namespace,
        (Some(own), Some(namespace)) => namespace.strip_prefix(own)?.strip_prefix('/')?,
        _ => return None,
    };
    Some(format!("{below}/"))
}

/// Returns a path with the namespace in front, as Vault names it across namespaces.
pub(crate) fn full_path(namespace: Option<&str>, path: &str) -> String {
    namespace.map_or_else(
        || path.to_owned(),
        |namespace| format!("{namespace}/{path}"),
    )
}
