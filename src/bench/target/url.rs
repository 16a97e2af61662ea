//! Base URLs of servers.

use crate::{base::Problem, said};
use std::net::{SocketAddr, ToSocketAddrs as _};

/// A base URL taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// As it was given.
    pub text: String,
    /// https.
    pub(in crate::bench) tls: bool,
    /// The `Host` header.
    pub(in crate::bench) authority: String,
    pub(in crate::bench) host: String,
    pub(super) port: u16,
    /// Path before `/v1`.
    pub(super) prefix: String,
}

impl Url {
    /// Takes a base URL apart; a trailing `/` or `/v1` is left out.
    ///
    /// # Errors
    /// When it is neither an `http://` nor an `https://` URL, or carries what does not belong in one (a user, a query).
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let bad = |message| {
            Problem::bad_input("bench.url", message)
                .field("--url")
                .fix(said!("give the server's address such as http://127.0.0.1:8000", "请给出服务器地址，如 http://127.0.0.1:8000"))
        };
        if text.is_empty() {
            return Err(bad(said!("no server is named", "未指定服务器")));
        }
        let uri: http::Uri = text.parse().map_err(|error| bad(said!("{text} is not a URL ({error})", "{text} 不是 URL（{error}）")))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(bad(said!("{text} begins with neither http:// nor https://", "{text} 不以 http:// 或 https:// 开头"))),
        };
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        if authority.contains('@') {
            return Err(bad(said!("a URL with a user name in it is not taken", "URL 中不能包含用户名")));
        }
        if host.is_empty() || uri.query().is_some() {
            return Err(bad(said!("{text} is not the base URL of a server", "{text} 不是服务器的基础 URL")));
        }
        let path = uri.path().trim_end_matches('/');
        let prefix = path.strip_suffix("/v1").unwrap_or(path).to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { text: text.to_owned(), tls, port, authority, host, prefix })
    }

    /// The server is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    pub(super) fn addresses(&self) -> Result<Vec<SocketAddr>, Problem> {
        let found = (self.host.as_str(), self.port).to_socket_addrs().map(Iterator::collect::<Vec<_>>).unwrap_or_default();
        if found.is_empty() {
            let host = &self.host;
            return Err(Problem::bad_input("bench.host_unknown", said!("no address is known for the host {host}", "无法解析主机 {host}"))
                .field("--url")
                .fix(said!("check the name, or give an IP address", "请检查主机名或改用 IP 地址")));
        }
        Ok(found)
    }
}
