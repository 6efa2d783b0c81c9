use super::*;
use crate::config::tests::CERTIFICATE;

fn count(pem: &str) -> usize {
    parse(pem.as_bytes()).unwrap().len()
}

fn problem(pem: impl AsRef<[u8]>) -> String {
    parse(pem.as_ref()).unwrap_err()
}

#[test]
fn certificates_of_joined_files_are_all_understood() {
    let bare = CERTIFICATE.trim_end();
    let mark = "\u{feff}";
    for (name, pem) in [
        ("one after the other", CERTIFICATE.repeat(2)),
        ("no line break between", format!("{bare}{CERTIFICATE}")),
        (
            "a byte order mark first",
            format!("{mark}{CERTIFICATE}{bare}"),
        ),
        (
            "a byte order mark between",
            format!("{CERTIFICATE}{mark}{CERTIFICATE}"),
        ),
        (
            "line breaks of Windows",
            CERTIFICATE.repeat(2).replace('\n', "\r\n"),
        ),
        (
            "comments",
            format!("# ends in 2125\n{CERTIFICATE}subject=CN\n{CERTIFICATE}\n"),
        ),
    ] {
        assert_eq!(count(&pem), 2, "{name}");
    }
}

#[test]
fn text_that_is_understood_in_part_is_refused_with_the_counts() {
    let relabelled = |label: &str| CERTIFICATE.replace(" CERTIFICATE", &format!(" {label}"));
    let without = |text: &str| CERTIFICATE.replacen(text, "", 1);
    for other in [
        relabelled("TRUSTED CERTIFICATE"),
        relabelled("X509 CERTIFICATE"),
        relabelled("PRIVATE KEY"),
        relabelled("certificate"),
        without("-----END CERTIFICATE-----"),
        without("-----BEGIN CERTIFICATE-----"),
        CERTIFICATE.replacen("-----BEGIN", "----BEGIN", 1),
        CERTIFICATE.replacen(
            "-----BEGIN CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----",
            1,
        ),
        CERTIFICATE.replacen("CERTIFICATE-----", "CERTIFICATE----", 1),
        CERTIFICATE.replace("MIIB", "M!IB"),
        CERTIFICATE.replace('\n', " "),
        CERTIFICATE.replace('\n', "\\n"),
        CERTIFICATE[..CERTIFICATE.len() / 2].to_owned(),
    ] {
        for pem in [
            format!("{CERTIFICATE}{other}"),
            format!("{other}\n{CERTIFICATE}"),
        ] {
            let problem = problem(&pem);
            assert!(
                problem.contains("blocks are understood") || problem.contains("damaged PEM"),
                "{pem}\n{problem}"
            );
        }
    }
}

#[test]
fn text_without_a_certificate_is_refused() {
    for pem in ["", "no PEM", "MIIBJjCBzqADAgECAgEBMAoGCCqGSM49"] {
        assert!(
            problem(pem).starts_with("contains no certificate;"),
            "{pem}"
        );
    }
    let utf16 = CERTIFICATE.encode_utf16().flat_map(u16::to_le_bytes);
    let utf16 = [0xff, 0xfe].into_iter().chain(utf16).collect::<Vec<_>>();
    assert!(problem(utf16).starts_with("is not UTF-8 text;"));
}

#[test]
fn certificate_that_is_not_x509_is_refused_by_its_number() {
    let other = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let problem = problem(format!("{CERTIFICATE}{other}"));
    assert!(
        problem.starts_with("contains 2 certificates, of which number 2"),
        "{problem}"
    );
}

#[test]
fn authorities_show_their_end_and_their_pem_text() {
    let certificates = parse(CERTIFICATE.as_bytes()).unwrap();
    let variable = Some("VAULT_CACERT");
    let authorities = Authorities {
        variable,
        certificates,
    };
    let end = authorities.first_end().unwrap().to_string();
    assert_eq!(end, "2125-01-01T00:00:00Z");
    let again = parse(authorities.to_pem().as_bytes()).unwrap();
    assert!(
        authorities
            .certificates()
            .eq(again.iter().map(AsRef::as_ref))
    );
}

#[test]
fn system_has_authorities() {
    let system = Authorities::of_system().unwrap();
    assert!(system.certificates().len() > 10 && system.variable().is_none());
}
