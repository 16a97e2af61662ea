//! A server on a loopback socket that answers by a script.

use crate::openai::{
    captures::Capture,
    client::{Client, Patience},
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};

/// What the scripted server does with one request, in the order requests arrive.
#[derive(Clone)]
pub(super) struct Reply {
    /// Written one by one.
    pieces: Vec<Vec<u8>>,
    then: Then,
}

#[derive(Clone, Copy)]
pub(super) enum Then {
    Keep,
    Close,
    /// Reset the connection, so that the reader gets an error instead of an end.
    Reset,
    /// Say no more and wait for the client to go.
    Hang,
}

impl Reply {
    pub(super) fn new(text: impl Into<Vec<u8>>, then: Then) -> Self {
        Self { pieces: vec![text.into()], then }
    }

    /// `body` in one piece, with its length.
    pub(super) fn whole(status: u16, content_type: &str, body: &str) -> Self {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n", body.len());
        Self::new(head + body, Then::Keep)
    }

    pub(super) fn of(capture: &Capture) -> Self {
        if capture.is_stream() {
            Self::stream(&[capture.body.as_bytes()])
        } else {
            Self::whole(capture.status, &capture.content_type, &capture.body)
        }
    }

    /// A chunked event stream, each body piece a chunk and a write, ended as it should be.
    pub(super) fn stream(body: &[&[u8]]) -> Self {
        let mut reply = Self::cut_stream(body, Then::Keep);
        reply.pieces.push(b"0\r\n\r\n".to_vec());
        reply
    }

    /// As [`stream`](Self::stream), without the end.
    pub(super) fn cut_stream(body: &[&[u8]], then: Then) -> Self {
        let mut pieces =
            vec![b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()];
        pieces.extend(body.iter().map(|piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()));
        Self { pieces, then }
    }
}

pub(super) struct Server {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    left: Arc<Notify>,
}

impl Server {
    pub(super) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let server = Self { url, requests: Arc::default(), connections: Arc::default(), left: Arc::default() };
        let (requests, connections, left) = (Arc::clone(&server.requests), Arc::clone(&server.connections), Arc::clone(&server.left));
        let replies = Arc::new(Mutex::new(VecDeque::from(replies)));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer(socket, Arc::clone(&requests), Arc::clone(&replies), Arc::clone(&left)));
            }
        });
        server
    }

    /// How many connections were made.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Every request seen, head and body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("unpoisoned").clone()
    }

    /// Waits until the client has closed the connection of a [`Then::Hang`].
    pub(super) async fn left_alone(&self) {
        timeout(Duration::from_secs(20), self.left.notified()).await.expect("the client closes the connection");
    }

    /// A client of this server with the usual patience.
    pub(super) fn client(&self) -> Client {
        Client::new(&self.url, None, Patience::default()).expect("a good URL")
    }
}

async fn answer(
    mut socket: TcpStream,
    requests: Arc<Mutex<Vec<String>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    left: Arc<Notify>,
) -> Option<()> {
    socket.set_nodelay(true).ok()?;
    loop {
        let request = read_request(&mut socket).await?;
        requests.lock().ok()?.push(request);
        let reply = replies.lock().ok()?.pop_front()?;
        for piece in reply.pieces {
            socket.write_all(&piece).await.ok()?;
            tokio::task::yield_now().await;
        }
        match reply.then {
            Then::Keep => {}
            Then::Close => return None,
            Then::Reset => return socket.set_zero_linger().ok(),
            Then::Hang => {
                let _ = socket.read_to_end(&mut Vec::new()).await;
                left.notify_one();
                return None;
            }
        }
    }
}

async fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    loop {
        if let Some(head) = text.windows(4).position(|w| w == b"\r\n\r\n") {
            let head_text = String::from_utf8_lossy(&text[..head]).to_lowercase();
            let length: usize = head_text.split("content-length: ").nth(1).and_then(|l| l.lines().next()?.trim().parse().ok()).unwrap_or(0);
            if text.len() >= head + 4 + length {
                return String::from_utf8(text).ok();
            }
        }
        if socket.read_buf(&mut text).await.ok()? == 0 {
            return None;
        }
    }
}
