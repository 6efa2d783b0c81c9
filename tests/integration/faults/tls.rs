//! Servers that cannot prove to be Vault: each has exactly one thing wrong with its TLS.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::corner::{Corner, outcome};

const AUTHORITY: &str = "
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

/// A certificate authority in a folder of its own.
struct Authority {
    folder: PathBuf,
}

impl Authority {
    fn new(corner: &Corner<'_>) -> Self {
        let folder = PathBuf::from(corner.stack.text("/dir"))
            .join(format!("authority-{:016x}", fastrand::u64(..)));
        std::fs::create_dir(&folder).unwrap();
        let authority = Self { folder };
        authority.write("openssl.cnf", AUTHORITY);
        authority.write("index.txt", "");
        authority.write("serial", "01");
        let curve = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-config",
            "openssl.cnf",
        ];
        let own = [
            "req",
            "-x509",
            "-days",
            "1",
            "-subj",
            "/CN=authority",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
        ];
        authority.openssl(&[own.as_slice(), &curve].concat());
        let request = [
            "req",
            "-subj",
            "/CN=server",
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
        ];
        authority.openssl(&[request.as_slice(), &curve].concat());
        authority
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).unwrap();
    }

    fn openssl(&self, arguments: &[&str]) {
        let run = Command::new("openssl")
            .args(arguments)
            .current_dir(&self.folder)
            .output()
            .unwrap();
        assert!(
            run.status.success(),
            "{}",
            String::from_utf8_lossy(&run.stderr)
        );
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// Starts a server with a certificate for this name, valid from and to these times; its address. Ends with the guard.
    fn serve(&self, name: &str, from: &str, to: &str) -> (String, Server) {
        self.write(
            "extensions",
            &format!("subjectAltName = {name}\nbasicConstraints = CA:FALSE\n"),
        );
        let dates = ["-startdate", from, "-enddate", to, "-extfile", "extensions"];
        let sign = [
            "ca",
            "-batch",
            "-notext",
            "-config",
            "openssl.cnf",
            "-cert",
            "ca.pem",
            "-keyfile",
            "ca.key",
        ];
        self.openssl(
            &[
                sign.as_slice(),
                &dates,
                &["-in", "server.csr", "-out", "server.pem"],
            ]
            .concat(),
        );
        std::fs::write(self.folder.join("index.txt"), "").unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new("openssl")
            .args([
                "s_server",
                "-www",
                "-accept",
                &address,
                "-cert",
                "server.pem",
                "-key",
                "server.key",
            ])
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

/// A server that ends with the test.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_server_that_cannot_prove_to_be_vault_is_told_by_what_is_wrong_with_it() {
    let corner = Corner::new().await;
    corner.rotate("alice").await;
    let (ours, foreign) = (Authority::new(&corner), Authority::new(&corner));
    let (past, now, then) = ("20200101000000Z", "20200102000000Z", "20991231235959Z");
    for (authority, name, from, to, scheme, said) in [
        // Nothing is wrong but that it is no Vault: so it is the certificate that the others fail for.
        (
            &ours,
            "IP:127.0.0.1",
            past,
            then,
            "https",
            "in a form that is not Vault's; does VAULT_ADDR name a Vault",
        ),
        (
            &foreign,
            "IP:127.0.0.1",
            past,
            then,
            "https",
            "of an issuer that is not trusted; check VAULT_CACERT",
        ),
        (
            &ours,
            "IP:127.0.0.1",
            past,
            now,
            "https",
            "the certificate is expired; renew it on the server",
        ),
        (
            &ours,
            "IP:127.0.0.1",
            then,
            then,
            "https",
            "the certificate is not valid yet; check the clocks",
        ),
        (
            &ours,
            "DNS:elsewhere.example.org",
            past,
            then,
            "https",
            "is for another name; check the host in VAULT_ADDR",
        ),
        (&ours, "IP:127.0.0.1", past, then, "http", "no answer"),
    ] {
        let (address, _server) = authority.serve(name, from, to);
        let (address, trusted) = (format!("{scheme}://{address}"), ours.file("ca.pem"));
        let function = corner
            .function_with(&[("VAULT_ADDR", &address), ("VAULT_CACERT", &trusted)])
            .await;
        let report = function
            .invoke(&json!({"action": "sync", "users": ["alice"]}))
            .await
            .unwrap();
        assert_eq!(outcome(&report), "failed");
        let reason = report["users"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(said), "expected {said:?}: {reason}");
    }
    let function = corner.function().await;
    assert_eq!(
        outcome(
            &function
                .invoke(&json!({"action": "sync", "users": ["alice"]}))
                .await
                .unwrap()
        ),
        "written"
    );
}
