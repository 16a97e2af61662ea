//! Whose certificates of https servers are believed: the system's authorities, and those a file names besides.

use super::cause;
use std::{fmt, path::Path, sync::Arc};

/// Authorities trusted besides the system's; none by default.
#[derive(Clone, Default)]
pub struct Trust(Option<Arc<[u8]>>);

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trust").field(&self.0.as_deref().map(<[u8]>::len)).finish()
    }
}

impl Trust {
    /// The authorities of a PEM file.
    ///
    /// # Errors
    /// In words: the file cannot be read, or holds no certificate.
    pub fn read(file: &Path) -> Result<Self, String> {
        let pem = std::fs::read(file).map_err(|error| error.to_string())?;
        match reqwest::Certificate::from_pem_bundle(&pem) {
            Ok(found) if !found.is_empty() => Ok(Self(Some(pem.into()))),
            Ok(_) => Err("it holds no PEM certificate".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// A client that trusts them, as `builder` makes it otherwise; `tls`: it is for an https server.
    ///
    /// # Errors
    /// In words: no authority at all is known on this machine, and none was given.
    pub fn client(&self, tls: bool, builder: impl Fn() -> reqwest::ClientBuilder) -> Result<reqwest::Client, String> {
        super::install_crypto();
        let built = if let Some(pem) = self.0.as_deref().filter(|_| tls) {
            let given = reqwest::Certificate::from_pem_bundle(pem).map_err(|error| cause(&error))?;
            // A machine without roots of its own has at least those given.
            builder().tls_certs_merge(given.clone()).build().or_else(|_| builder().tls_certs_only(given).build())
        } else if tls {
            builder().build()
        } else {
            // Loading root certificates fails where the system has none, as bare containers do, even if none is needed.
            builder().tls_certs_only([]).build()
        };
        built.map_err(|error| cause(&error))
    }
}
