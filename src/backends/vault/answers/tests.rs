use super::*;

#[test]
fn a_refused_certificate_is_told_with_its_fault() {
    // As rustls 0.23 puts it.
    for (cause, fault) in [
        (
            "invalid peer certificate: UnknownIssuer",
            "issuer that is not trusted",
        ),
        (
            "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))",
            "issuer that is not trusted",
        ),
        (
            "invalid peer certificate: certificate not valid for name \"vault\"; certificate is only valid for DnsName(\"other\")",
            "for another name",
        ),
        (
            "invalid peer certificate: NotValidForName",
            "for another name",
        ),
        (
            "invalid peer certificate: certificate expired: verification time 2 (UNIX), but certificate is not valid after 1 (1 seconds ago)",
            "is expired",
        ),
        ("invalid peer certificate: Expired", "is expired"),
        (
            "invalid peer certificate: certificate not valid yet: verification time 1 (UNIX), but certificate is not valid before 2 (1 seconds in future)",
            "not valid yet",
        ),
        (
            "invalid peer certificate: BadSignature",
            "issuer that is not trusted",
        ),
        ("invalid peer certificate: Revoked", "was refused"),
    ] {
        let told = untrusted(cause);
        assert!(
            told.contains(fault) && told.contains(cause),
            "{cause}: {told}"
        );
    }
}
