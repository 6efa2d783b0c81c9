//! Servers that cannot prove to be Vault: each has exactly one TLS fault.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::proxy::serve;
use crate::test_env::{TestEnv, outcome, reason};

const CONFIGURATION: &str = "
[ca]
default_ca = ours
[ours]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = any
[any]
commonName = supplied
[req]
distinguished_name = any
";

const NEW_KEY: [&str; 7] = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-config",
    "openssl.cnf",
];

/// A CA in its own folder.
struct Authority {
    folder: PathBuf,
}

impl Authority {
    fn new(env: &TestEnv<'_>) -> Self {
        let name = format!("authority-{:016x}", fastrand::u64(..));
        let folder = PathBuf::from(env.stack.text("/dir")).join(name);
        std::fs::create_dir(&folder).unwrap();
        let authority = Self { folder };
        authority.write("openssl.cnf", CONFIGURATION);
        authority.write("index.txt", "");
        authority.write("serial", "01");
        let own = ["req", "-x509", "-days", "90", "-subj", "/CN=authority"];
        let files = ["-keyout", "ca.key", "-out", "ca.pem"];
        authority.openssl(&[&own[..], &files, &NEW_KEY].concat());
        let request = [
            "req",
            "-subj",
            "/CN=server",
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
        ];
        authority.openssl(&[&request[..], &NEW_KEY].concat());
        authority
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).unwrap();
    }

    fn openssl(&self, arguments: &[&str]) {
        let mut openssl = Command::new("openssl");
        let output = openssl
            .args(arguments)
            .current_dir(&self.folder)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// Starts a server whose certificate has this name and validity; returns its address. The
    /// server stops when the guard is dropped.
    fn serve(&self, name: &str, from: &str, to: &str) -> (String, Server) {
        let extensions = format!("subjectAltName = {name}\nbasicConstraints = CA:FALSE\n");
        self.serve_with(&extensions, from, to, &[])
    }

    /// Starts a server whose certificate has these extensions, with further arguments.
    fn serve_with(
        &self,
        extensions: &str,
        from: &str,
        to: &str,
        arguments: &[&str],
    ) -> (String, Server) {
        self.write("extensions", extensions);
        let sign = [
            "ca",
            "-batch",
            "-notext",
            "-config",
            "openssl.cnf",
            "-cert",
            "ca.pem",
        ];
        let dates = ["-startdate", from, "-enddate", to, "-extfile", "extensions"];
        let files = [
            "-keyfile",
            "ca.key",
            "-in",
            "server.csr",
            "-out",
            "server.pem",
        ];
        self.openssl(&[&sign[..], &dates, &files].concat());
        self.write("index.txt", "");
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new("openssl")
            .args(["s_server", "-www", "-accept", &address])
            .args(["-cert", "server.pem", "-key", "server.key"])
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server(child);
        let began = Instant::now();
        while std::net::TcpStream::connect(&address).is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "openssl s_server does not listen"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        (address, server)
    }
}

/// Stops the server on drop.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the file of a CA that signed no certificate of the stack.
pub fn foreign_authority(env: &TestEnv<'_>) -> String {
    Authority::new(env).file("ca.pem")
}

#[tokio::test]
async fn a_tls_server_of_the_wrong_kind_is_named() {
    let env = TestEnv::new().await;
    let ours = Authority::new(&env);
    let (from, to) = ("20200101000000Z", "20991231235959Z");
    let (server, authority) = ("CA:FALSE", "CA:TRUE");
    let old = ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"];
    let client = "client certificate";
    for (constraint, purpose, arguments, expected) in [
        (authority, "serverAuth", &[][..], "CA:TRUE"),
        (server, "clientAuth", &[], "not for a server"),
        (server, "serverAuth", &["-tls1_3", "-Verify", "1"], client),
        (server, "serverAuth", &["-tls1_2", "-Verify", "1"], client),
        (server, "serverAuth", &old, "old cipher suites"),
    ] {
        let extensions = format!(
            "subjectAltName = IP:127.0.0.1\nbasicConstraints = {constraint}\n\
             extendedKeyUsage = {purpose}\n"
        );
        let (address, _server) = ours.serve_with(&extensions, from, to, arguments);
        let address = format!("https://{address}");
        let trusted = ours.file("ca.pem");
        let variables = [("VAULT_ADDR", address.as_str()), ("VAULT_CACERT", &trusted)];
        let output = env.keysync_with(&["token", "show"], &variables, "").await;
        assert_eq!(output.code, 1, "{output:?}");
        assert!(output.err.contains(expected), "{arguments:?}: {output:?}");
        let checks = env
            .keysync_with(&["doctor", "--output", "json"], &variables, "")
            .await;
        let checks = checks.json();
        let failed = checks
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["status"] == "fail");
        let failed = failed.collect::<Vec<_>>();
        assert_eq!(failed.len(), 1, "{failed:#?}");
        assert_eq!(failed[0]["name"], "vault-tls", "{failed:#?}");
        assert!(
            failed[0]["detail"].as_str().unwrap().contains(expected),
            "{failed:#?}"
        );
    }
    let plain = serve(axum::Router::new())
        .await
        .replace("http://", "https://");
    let output = env
        .keysync_with(&["token", "show"], &[("VAULT_ADDR", &plain)], "")
        .await;
    assert!(
        output.err.contains("does not answer with TLS"),
        "{output:?}"
    );
}

#[tokio::test]
async fn vault_without_a_valid_certificate_gets_no_request() {
    let env = TestEnv::new().await;
    env.rotate("alice").await;
    let (ours, foreign) = (Authority::new(&env), Authority::new(&env));
    let (past, expired, future) = ("20200101000000Z", "20200102000000Z", "20991231235959Z");
    let (address, other) = ("IP:127.0.0.1", "DNS:elsewhere.example.org");
    let sync = json!({"action": "sync", "users": ["alice"]});
    for (authority, name, from, to, scheme, expected) in [
        // The control: a valid certificate of a server that is not Vault.
        (&ours, address, past, future, "https", "VAULT_ADDR"),
        (&foreign, address, past, future, "https", "VAULT_CACERT"),
        (&ours, address, past, expired, "https", "expired"),
        (&ours, address, future, future, "https", "not valid yet"),
        (&ours, other, past, future, "https", "name"),
        (&ours, address, past, future, "http", ""),
    ] {
        let (address, _server) = authority.serve(name, from, to);
        let (address, trusted) = (format!("{scheme}://{address}"), ours.file("ca.pem"));
        let variables = [("VAULT_ADDR", address.as_str()), ("VAULT_CACERT", &trusted)];
        let function = env.function_with(&variables).await;
        let report = function.invoke(&sync).await.unwrap();
        assert_eq!(outcome(&report), "failed");
        assert!(
            reason(&report).contains(expected),
            "expected {expected:?}: {report}"
        );
    }
    let function = env.function().await;
    assert_eq!(outcome(&function.invoke(&sync).await.unwrap()), "written");
}

#[tokio::test]
async fn authorities_of_joined_files_are_all_trusted() {
    let env = TestEnv::without_token(crate::stack::Stack::shared()).await;
    let (ours, foreign) = (Authority::new(&env), Authority::new(&env));
    let valid = ("IP:127.0.0.1", "20200101000000Z", "20991231235959Z");
    let (address, _server) = ours.serve(valid.0, valid.1, valid.2);
    let address = format!("https://{address}");
    let pem = |authority: &Authority| std::fs::read_to_string(authority.file("ca.pem")).unwrap();
    let [first, second] = [pem(&foreign), pem(&ours)];
    // The second authority signed the server's certificate, which is not Vault's.
    for (name, text) in [
        ("no line break", format!("{}{second}", first.trim_end())),
        (
            "byte order marks",
            format!("\u{feff}{first}\u{feff}{second}"),
        ),
    ] {
        ours.write("joined.pem", &text);
        let file = ours.file("joined.pem");
        let token = ("VAULT_TOKEN", "made-up");
        for variable in ["VAULT_CACERT", "SSL_CERT_FILE"] {
            let other = ("VAULT_CACERT", "");
            let variables = [
                other,
                ("VAULT_ADDR", address.as_str()),
                token,
                (variable, &file),
            ];
            let output = env.keysync_line("token show", &variables).await;
            assert!(
                output.err.contains("not Vault's"),
                "{name}, {variable}: {output:?}"
            );
        }
    }
    let trusted = second.replace(" CERTIFICATE", " TRUSTED CERTIFICATE");
    ours.write("joined.pem", &format!("{first}{trusted}"));
    let variables = [("VAULT_CACERT", ours.file("joined.pem"))];
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let output = env.keysync_line("token show", &variables).await;
    assert_eq!(output.code, 2, "{output:?}");
    assert!(
        output.err.contains("2 BEGIN and 2 END lines, but only 1 "),
        "{output:?}"
    );
}

#[tokio::test]
async fn authorities_for_aws_are_those_of_its_bundle() {
    let env = TestEnv::without_token(crate::stack::Stack::shared()).await;
    let (ours, foreign) = (Authority::new(&env), Authority::new(&env));
    let (address, _server) = ours.serve("IP:127.0.0.1", "20200101000000Z", "20991231235959Z");
    let address = format!("https://{address}");
    for (authority, is_trusted) in [(&ours, true), (&foreign, false)] {
        let bundle = authority.file("ca.pem");
        let variables = [
            ("AWS_ENDPOINT_URL_S3", address.as_str()),
            ("AWS_CA_BUNDLE", &bundle),
        ];
        let output = env.keysync_line("token show", &variables).await;
        // The page of the server is not an answer of S3.
        assert_eq!(output.err.contains("ETag"), is_trusted, "{output:?}");
    }
}

#[tokio::test]
async fn doctor_warns_of_an_authority_that_ends_soon() {
    let env = TestEnv::new().await;
    let authority = Authority::new(&env);
    let sign = [
        "req",
        "-x509",
        "-days",
        "20",
        "-subj",
        "/CN=authority",
        "-config",
    ];
    let files = ["openssl.cnf", "-key", "ca.key", "-out", "short.pem"];
    authority.openssl(&[&sign[..], &files].concat());
    let file = authority.file("short.pem");
    let variables = [("VAULT_CACERT", file.as_str())];
    let output = env.keysync_line("doctor --output json", &variables).await;
    let check = &output.json()[1];
    assert_eq!(
        (&check["name"], &check["status"]),
        (&json!("authorities"), &json!("warn"))
    );
    let detail = check["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("an authority of VAULT_CACERT ends on "),
        "{detail}"
    );
}
