use super::*;

#[test]
fn a_certificate_error_names_its_fault() {
    // The texts of rustls 0.23.
    for (cause, fault) in [
        (
            "invalid peer certificate: UnknownIssuer",
            "issuer is not trusted",
        ),
        (
            "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))",
            "issuer is not trusted",
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
            "has expired",
        ),
        ("invalid peer certificate: Expired", "has expired"),
        (
            "invalid peer certificate: certificate not valid yet: verification time 1 (UNIX), but certificate is not valid before 2 (1 seconds in future)",
            "not valid yet",
        ),
        (
            "invalid peer certificate: BadSignature",
            "issuer is not trusted",
        ),
        ("invalid peer certificate: Revoked", "was rejected"),
    ] {
        let problem = certificate_problem(cause);
        assert!(
            problem.contains(fault) && problem.contains(cause),
            "{cause}: {problem}"
        );
    }
}
