//! The environment of a measured command, and the files that it refers to.

use std::path::{Path, PathBuf};

use crate::services::{BUCKET, Services};
use crate::tls::TlsIdentity;

/// A temporary folder, which is removed on drop.
pub struct Folder {
    path: PathBuf,
    /// The CA's certificate of the fakes.
    authority: PathBuf,
    /// The system's CA certificates and that of the fakes. A deployment loads the system's CA
    /// certificates too, so the measurements include it.
    trust_bundle: PathBuf,
    /// What the measured command writes to standard output and standard error.
    pub output: PathBuf,
}

impl Folder {
    /// Creates the folder and writes the certificates to it.
    pub fn create(identity: &TlsIdentity) -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|error| format!("create {}: {error}", path.display()))?;
        let folder = Self {
            authority: path.join("authority.pem"),
            trust_bundle: path.join("trust-bundle.pem"),
            output: path.join("output.log"),
            path,
        };
        crate::write(&folder.authority, &identity.authority)?;
        let trust_bundle = format!("{}\n{}", system_authorities(), identity.authority);
        crate::write(&folder.trust_bundle, &trust_bundle)?;
        Ok(folder)
    }

    /// Returns the variables that each command receives, besides those that are its own.
    pub fn environment(&self, services: &Services) -> Vec<(String, String)> {
        let path = search_path();
        let pairs = [
            ("PATH", path.as_str()),
            ("AWS_ENDPOINT_URL", &services.aws),
            ("VAULT_ADDR", &services.vault),
            ("SSL_CERT_FILE", text(&self.trust_bundle)),
            ("NODE_EXTRA_CA_CERTS", text(&self.authority)),
            ("AWS_REGION", "ca-central-1"),
            ("AWS_DEFAULT_REGION", "ca-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDBENCH"),
            ("AWS_SECRET_ACCESS_KEY", "bench"),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("S3_BUCKET_NAME", BUCKET),
        ];
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Returns the `PATH` of this process, which all commands receive.
#[expect(
    clippy::disallowed_methods,
    reason = "the bench itself is configured by its arguments only"
)]
pub fn search_path() -> String {
    std::env::var("PATH").unwrap_or_default()
}

fn text(path: &Path) -> &str {
    path.to_str()
        .expect("the temporary folder has a UTF-8 path")
}

fn system_authorities() -> String {
    let usual = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
    ];
    let found = usual
        .iter()
        .find_map(|file| std::fs::read_to_string(file).ok());
    found.unwrap_or_default()
}
