//! Servers the own client cannot speak to, reached through reqwest: https, HTTP/2.

use crate::{
    bench::{record::Class, target::Url},
    openai::client::Trust,
};
use std::{
    error::Error,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// The way to one such server.
#[derive(Debug, Clone)]
pub(in crate::bench) struct Door {
    /// `https://HOST:PORT`.
    origin: String,
    host: String,
    to: SocketAddr,
    tls: bool,
    http2: bool,
    trust: Trust,
    /// A question without effect, written for the own client: what opens a connection before there is load.
    knock: Arc<[u8]>,
}

impl Door {
    /// The way to the server of `url` at one of its addresses. HTTP/2 is agreed on in the handshake of TLS; without TLS the server has
    /// to know it beforehand.
    pub(in crate::bench) fn new(url: &Url, to: SocketAddr, http2: bool, trust: &Trust, knock: Vec<u8>) -> Self {
        let origin = format!("{}://{}", if url.tls { "https" } else { "http" }, url.authority);
        Self { origin, host: url.host.clone(), to, tls: url.tls, http2, trust: trust.clone(), knock: knock.into() }
    }

    /// It is spoken to in HTTP/2: several streams share a connection.
    pub(in crate::bench) const fn http2(&self) -> bool {
        self.http2
    }

    /// The question that opens a connection.
    pub(super) fn knock(&self) -> &[u8] {
        &self.knock
    }

    /// A client with connections of its own, each told to `opened`; only for the runtime that first uses it.
    pub(in crate::bench) fn client(
        &self,
        connect: Duration,
        opened: impl Fn() + Clone + Send + Sync + 'static,
    ) -> Result<reqwest::Client, String> {
        self.trust.client(self.tls, || {
            let opened = opened.clone();
            let builder = reqwest::Client::builder()
                .connect_timeout(connect)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                // As the own client: the server itself is measured, not what stands before it.
                .no_proxy()
                .pool_idle_timeout(None)
                .tcp_nodelay(true)
                .connector_layer(tower_layer::layer_fn(move |inner| Counted { inner, opened: opened.clone() }))
                .resolve(&self.host, self.to);
            match (self.http2, self.tls) {
                (false, _) => builder.http1_only(),
                (true, false) => builder.http2_prior_knowledge(),
                (true, true) => builder,
            }
        })
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

/// A connector that tells of every connection that is there, its handshake over.
#[derive(Clone)]
struct Counted<S, F> {
    inner: S,
    opened: F,
}

impl<S, F, R> Service<R> for Counted<S, F>
where
    S: Service<R>,
    S::Future: Send + 'static,
    F: Fn() + Clone + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, to: R) -> Self::Future {
        let (connecting, opened) = (self.inner.call(to), self.opened.clone());
        Box::pin(async move { connecting.await.inspect(|_| opened()) })
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
