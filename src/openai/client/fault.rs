//! What can go wrong between the console and a server.

use crate::{
    base::{Problem, Said, clean},
    openai::{ApiError, sse::TooLong},
    said,
};
use std::{error::Error, time::Duration};

/// Why a request brought no answer. Texts from outside are clean and hold no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The URL cannot be a server's.
    #[error("{url}: {why}")]
    BadUrl {
        /// As given, cleaned, without user name and password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The API key holds characters that no header can carry.
    #[error("the API key holds characters that an HTTP header cannot carry")]
    BadKey,
    /// No encrypted connection can be made on this machine.
    #[error("cannot set up TLS: {why}")]
    NoTls {
        /// What the TLS library said.
        why: String,
    },
    /// No connection, or none that took the request.
    #[error("cannot reach {url}: {why}")]
    Unreachable {
        /// The server.
        url: String,
        /// What the system said.
        why: String,
    },
    /// The server took too long.
    #[error("{url} sent nothing for {} s", waited.as_secs_f32())]
    TimedOut {
        /// The server.
        url: String,
        /// How long it was given.
        waited: Duration,
    },
    /// The server refused.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Something answered that speaks another language.
    #[error("{url} answered with something else than was asked for ({content_type}): {why}")]
    NotAnAnswer {
        /// The server.
        url: String,
        /// What it called its answer, or `no content type`.
        content_type: String,
        /// What could not be read, with its beginning.
        why: String,
    },
    /// The connection broke while the answer was being read.
    #[error("the connection to {url} broke: {why}")]
    Broken {
        /// The server.
        url: String,
        /// What the system said.
        why: String,
    },
    /// The answer, or one event of it, is longer than anything sensible.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

impl ClientError {
    /// As it is told to a person. A server that cannot be reached counts as bad input: the URL was given.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::BadUrl { url, why } => Problem::bad_input("server.bad_url", said!("{url}: {why}", "网址 {url} 无效：{why}"))
                .fix(said!("give it as http://HOST:PORT", "请写成 http://主机:端口")),
            Self::BadKey => Problem::bad_input(
                "server.bad_key",
                said!("the API key holds characters that an HTTP header cannot carry", "API 密钥中含有 HTTP 头不能携带的字符"),
            )
            .fix(said!("check it for line ends and blanks", "请检查其中是否有换行或空白")),
            Self::NoTls { why } => Problem::failed("server.no_tls", said!("cannot set up TLS: {why}", "无法建立 TLS：{why}")).fix(said!(
                "install ca-certificates, or name a bundle in SSL_CERT_FILE",
                "请安装 ca-certificates，或用 SSL_CERT_FILE 指定证书文件"
            )),
            Self::Unreachable { url, why } => {
                Problem::bad_input("server.unreachable", said!("cannot reach {url}: {why}", "无法连接 {url}：{why}"))
                    .fix(said!("check that the server runs and listens there", "请确认服务正在运行并监听该地址"))
            }
            Self::TimedOut { url, waited } => {
                let waited_s = waited.as_secs_f32();
                Problem::failed("server.timed_out", said!("{url} sent nothing for {waited_s} s", "{url} 在 {waited_s} 秒内没有任何数据"))
            }
            Self::Api(error) => Problem::failed("server.refused", {
                let (status, kind, message) = (error.meant_status(), &error.kind, &error.message);
                said!("{error}", "服务器返回 {status} {kind}：{message}")
            }),
            Self::NotAnAnswer { url, content_type, why } => Problem::failed(
                "server.not_an_answer",
                said!(
                    "{url} answered with something else than was asked for ({content_type}): {why}",
                    "{url} 返回的不是所需内容（{content_type}）：{why}"
                ),
            )
            .fix(said!("check that this is an OpenAI-compatible server", "请确认这是兼容 OpenAI 的服务")),
            Self::Broken { url, why } => {
                Problem::failed("server.broken", said!("the connection to {url} broke: {why}", "与 {url} 的连接中断：{why}"))
            }
            Self::TooLong(TooLong { limit_bytes }) => Problem::failed("server.too_long", {
                let mib = limit_bytes >> 20;
                Said {
                    en: format!("the server sent an answer longer than {mib} MiB"), zh: format!("服务器发来的内容超过 {mib} MiB")
                }
            }),
        }
    }
}

/// What lies at the bottom of `error`, without a URL: the layers above only say that a request failed.
pub(super) fn cause(error: &dyn Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    clean(&deepest.to_string()).into_owned()
}
