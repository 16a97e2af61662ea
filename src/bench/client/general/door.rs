//! Servers the own client cannot speak to, reached through reqwest: https.

use crate::{
    base::Problem,
    bench::{record::Class, target::Url},
    openai::client::install_crypto,
    said,
};
use std::{error::Error, io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

/// The way to one such server.
#[derive(Debug, Clone)]
pub(in crate::bench) struct Door {
    /// `https://HOST:PORT`.
    origin: String,
    host: String,
    to: SocketAddr,
    /// Certificates of the authorities given, PEM.
    authorities: Option<Arc<[u8]>>,
}

impl Door {
    /// The way to the server of `url` at one of its addresses; `ca_file`: certificates trusted besides the system's.
    ///
    /// # Errors
    /// A file that cannot be read or holds no certificate.
    pub(in crate::bench) fn new(url: &Url, to: SocketAddr, ca_file: Option<&Path>) -> Result<Self, Problem> {
        let unusable = |path: &Path, why: String| {
            Problem::bad_input("bench.ca_file", said!("the certificates cannot be used: {why}", "无法使用该证书文件：{why}"))
                .file(path)
                .field("target.ca_file")
        };
        let mut authorities = None;
        if let Some(path) = ca_file {
            let pem = std::fs::read(path).map_err(|error| unusable(path, error.to_string()))?;
            match reqwest::Certificate::from_pem_bundle(&pem) {
                Ok(found) if !found.is_empty() => authorities = Some(pem.into()),
                Ok(_) => return Err(unusable(path, "it holds no PEM certificate".to_owned())),
                Err(error) => return Err(unusable(path, error.to_string())),
            }
        }
        let origin = format!("{}://{}", if url.tls { "https" } else { "http" }, url.authority);
        Ok(Self { origin, host: url.host.clone(), to, authorities })
    }

    /// A client with connections of its own; only for the runtime that first uses it.
    pub(in crate::bench) fn client(&self, connect: Duration) -> Result<reqwest::Client, String> {
        install_crypto();
        let builder = || {
            reqwest::Client::builder()
                .connect_timeout(connect)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                // As the own client: the server itself is measured, not what stands before it.
                .no_proxy()
                .pool_idle_timeout(None)
                .tcp_nodelay(true)
                .resolve(&self.host, self.to)
        };
        let given = self.authorities.as_deref().map(reqwest::Certificate::from_pem_bundle).transpose().map_err(|e| cause(&e))?;
        let Some(given) = given else { return builder().build().map_err(|e| cause(&e)) };
        // A machine without roots of its own has at least those given.
        let merged = builder().tls_certs_merge(given.clone()).build();
        merged.or_else(|_| builder().tls_certs_only(given).build()).map_err(|e| cause(&e))
    }

    /// A request written for the own client, taken apart for reqwest: its target, headers and body.
    pub(in crate::bench) fn take_apart(&self, client: &reqwest::Client, bytes: &[u8]) -> Option<(reqwest::RequestBuilder, Vec<u8>)> {
        let mut headers = [httparse::EMPTY_HEADER; 96];
        let mut request = httparse::Request::new(&mut headers);
        let Ok(httparse::Status::Complete(len)) = request.parse(bytes) else { return None };
        let method = http::Method::from_bytes(request.method?.as_bytes()).ok()?;
        let mut builder = client.request(method, format!("{}{}", self.origin, request.path?));
        for header in request.headers.iter() {
            // reqwest writes these two itself.
            if !header.name.eq_ignore_ascii_case("host") && !header.name.eq_ignore_ascii_case("connection") {
                builder = builder.header(header.name, header.value);
            }
        }
        Some((builder, bytes.get(len..).unwrap_or_default().to_vec()))
    }
}

/// What a failed request was, by what it failed of; `answered`: an answer had begun.
pub(in crate::bench) fn class_of(error: &reqwest::Error, answered: bool) -> (Class, String) {
    let class = if error.is_connect() {
        if of_tls(error) {
            Class::Tls
        } else if error.is_timeout() {
            Class::TimeoutConnect
        } else {
            Class::Connect
        }
    } else if answered {
        Class::Truncated
    } else {
        Class::NoResponse
    };
    (class, cause(error))
}

/// Somewhere below it is an error of TLS.
fn of_tls(error: &(dyn Error + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    // An I/O error's source is its content's source, not its content.
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inner.is_some_and(|inner| of_tls(inner)) || error.source().is_some_and(of_tls)
}

/// The innermost reason of an error, in words.
fn cause(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    let text = last.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
