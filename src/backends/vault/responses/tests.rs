use super::*;

#[test]
fn metadata_shows_who_created_the_current_version() {
    for (created_by, expected) in [
        (
            r#"{"actor": "userpass-jane", "operation": "update"}"#,
            Some("userpass-jane"),
        ),
        (r#"{"actor": "a\u001b[2J b"}"#, Some("a??2J?b")),
        (r#"{"actor": ""}"#, None),
        ("null", None),
        (r#""jane""#, None),
    ] {
        let text = format!(
            r#"{{"current_version": 2, "versions": {{"2": {{"created_time":
            "2026-01-10T12:00:00Z", "deletion_time": "", "destroyed": false,
            "created_by": {created_by}}}}}}}"#
        );
        let metadata = serde_json::from_str::<MetadataResponse>(&text).unwrap();
        let metadata = metadata.into_metadata(Timestamp::UNIX_EPOCH);
        assert_eq!(metadata.created_by.as_deref(), expected, "{created_by}");
    }
}
