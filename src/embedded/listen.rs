//! Binding a server's port so that two servers never share one unnoticed, and saying who holds it when it is taken.
//!
//! vLLM 0.8.5 sets `SO_REUSEPORT`: a second server on the same port starts without a word and the kernel splits the
//! requests between them. Here a port belongs to one server or the start fails.

use crate::{base::Problem, said};
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt},
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs as _},
    os::fd::OwnedFd,
};

/// What a server says once it listens: the document `dcudeck.engine.listening/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// `dcudeck.engine.listening/1`.
    pub schema: String,
    /// Base URL without a path.
    pub url: String,
    /// Name that requests give.
    pub model: String,
    /// Its process.
    pub pid: u32,
}

impl Listening {
    /// The document of a server of this process.
    #[must_use]
    pub fn new(address: SocketAddr, model: &str) -> Self {
        Self {
            schema: "dcudeck.engine.listening/1".to_owned(),
            url: format!("http://{address}"),
            model: model.to_owned(),
            pid: std::process::id(),
        }
    }
}

/// A port that is ours but refuses connections until it listens: a server takes it before it loads its model.
#[derive(Debug)]
pub struct Reserved {
    socket: OwnedFd,
    address: SocketAddr,
}

/// Takes `host:port`; port 0 takes a free one.
///
/// # Errors
/// The name does not resolve, the address is not this machine's, the port is taken (with the owner where `/proc` tells) or
/// not allowed.
pub fn reserve(host: &str, port: u16) -> Result<Reserved, Problem> {
    let address = resolve(host, port)?;
    let taken = match take(address, false) {
        Ok(socket) => return Ok(Reserved { socket, address }),
        Err(error) => error,
    };
    // Connections of a server that has just ended keep its port for a minute (TIME_WAIT). They show in /proc/net/tcp, where
    // a listener would show too; only then is it safe to ask for the address again.
    if taken == Errno::ADDRINUSE
        && lingering(port)
        && let Ok(socket) = take(address, true)
    {
        return Ok(Reserved { socket, address });
    }
    Err(refusal(address, taken))
}

impl Reserved {
    /// Begins to listen, non-blocking, with room for `backlog` connections that nobody has accepted yet.
    ///
    /// # Errors
    /// Somebody else listens there after all.
    pub fn listen(self, backlog: i32) -> Result<TcpListener, Problem> {
        let Self { socket, address } = self;
        // Connections inherit SO_REUSEADDR, and only what has it lets go of the port when the server starts again within a
        // minute. Set after the bind, so that the bind itself was strict.
        let listening = listen(&socket, backlog).and_then(|()| sockopt::set_socket_reuseaddr(&socket, true));
        listening.map_err(|error| refusal(address, error))?;
        Ok(TcpListener::from(socket))
    }
}

/// [`reserve`] and [`Reserved::listen`] at once.
///
/// # Errors
/// As both.
pub fn open(host: &str, port: u16, backlog: i32) -> Result<TcpListener, Problem> {
    reserve(host, port)?.listen(backlog)
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, Problem> {
    let bad = || {
        Problem::bad_input("engine.host", said!("{host:?} is not an address of this machine", "{host:?} 不是本机地址"))
            .field("--host")
            .fix(said!("give an IP address such as 127.0.0.1", "请给出 IP 地址，例如 127.0.0.1"))
    };
    if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    let mut found: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(|_| bad())?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.into_iter().next().ok_or_else(bad)
}

fn take(address: SocketAddr, reuse: bool) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    if reuse {
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    bind(&socket, &address)?;
    Ok(socket)
}

fn refusal(address: SocketAddr, error: Errno) -> Problem {
    let port = address.port();
    match error {
        Errno::ADDRINUSE => {
            let owner = owner(port).map(|(pid, name)| (format!(" by process {pid} ({name})"), format!("，占用者为进程 {pid}（{name}）")));
            let (by, by_zh) = owner.unwrap_or_default();
            Problem::bad_input("engine.port_in_use", said!("port {port} is in use{by}", "端口 {port} 已被占用{by_zh}"))
                .field("--port")
                .fix(said!("stop it, give another port, or --port 0 for a free one", "请停止它、换一个端口，或用 --port 0 取空闲端口"))
        }
        Errno::ADDRNOTAVAIL => {
            let ip = address.ip();
            Problem::bad_input("engine.host", said!("{ip} is not an address of this machine", "{ip} 不是本机地址")).field("--host")
        }
        Errno::ACCESS => Problem::bad_input("engine.port_denied", said!("port {port} may not be opened", "无权打开端口 {port}"))
            .field("--port")
            .fix(said!("give a port from 1024 up", "请使用 1024 及以上的端口")),
        error => Problem::failed("engine.bind", said!("{address} cannot be opened: {error}", "无法打开 {address}：{error}")),
    }
}

/// One row of `/proc/net/tcp`: local port, state, inode.
fn sockets() -> Vec<(u16, u8, u64)> {
    let rows = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let parse = |row: &str| {
        let fields: Vec<&str> = row.split_ascii_whitespace().collect();
        let port = fields.get(1)?.rsplit_once(':')?.1;
        Some((u16::from_str_radix(port, 16).ok()?, u8::from_str_radix(fields.get(3)?, 16).ok()?, fields.get(9)?.parse().ok()?))
    };
    rows.iter().flat_map(|text| text.lines().skip(1).filter_map(parse)).collect()
}

const LISTEN: u8 = 0x0a;

/// The port has connections of the past and no listener.
fn lingering(port: u16) -> bool {
    let mine: Vec<u8> = sockets().into_iter().filter(|(p, ..)| *p == port).map(|(_, state, _)| state).collect();
    !mine.is_empty() && !mine.contains(&LISTEN)
}

/// Process id and name of whoever listens on `port`, as far as `/proc` lets this user see.
fn owner(port: u16) -> Option<(u32, String)> {
    let inode = sockets().into_iter().find(|(p, state, _)| *p == port && *state == LISTEN)?.2;
    let wanted = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let holds = fs::read_dir(entry.path().join("fd"))
            .ok()?
            .flatten()
            .any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str()));
        holds.then(|| (pid, fs::read_to_string(entry.path().join("comm")).unwrap_or_default().trim().to_owned()))
    })
}

/// Calls `act` once, on a thread of its own, when this process gets SIGINT or SIGTERM.
///
/// # Errors
/// No thread or no signal handler could be had.
pub fn on_signal(act: impl FnOnce() + Send + 'static) -> Result<(), Problem> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed =
        |error: std::io::Error| Problem::failed("engine.signal", said!("signals cannot be watched: {error}", "无法监听信号：{error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt()).map_err(failed)?, signal(SignalKind::terminate()).map_err(failed)?)
    };
    let wait = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        act();
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Exit;

    #[test]
    fn a_port_in_use_is_refused_with_its_owner() {
        let first = open("127.0.0.1", 0, 8).expect("a free port");
        let port = first.local_addr().expect("bound").port();
        let problem = open("localhost", port, 8).expect_err("taken");
        assert_eq!((problem.exit(), problem.kind()), (Exit::BadInput, "engine.port_in_use"));
        let told = problem.to_string();
        assert!(told.contains(&port.to_string()) && told.contains(&std::process::id().to_string()), "{told}");
    }

    #[test]
    fn a_port_held_with_reuseport_but_not_listening_is_refused() {
        let holder = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).expect("socket");
        sockopt::set_socket_reuseport(&holder, true).expect("option");
        bind(&holder, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("binds");
        let port = SocketAddr::try_from(rustix::net::getsockname(&holder).expect("bound")).expect("inet").port();
        assert_eq!(open("127.0.0.1", port, 8).expect_err("held").kind(), "engine.port_in_use");
    }

    #[test]
    fn a_port_reserved_is_taken_for_others_and_refuses_connections_until_it_listens() {
        let reserved = reserve("127.0.0.1", 0).expect("a free port");
        let address = SocketAddr::try_from(rustix::net::getsockname(&reserved.socket).expect("bound")).expect("inet");
        assert_eq!(reserve("127.0.0.1", address.port()).expect_err("taken").kind(), "engine.port_in_use");
        assert!(std::net::TcpStream::connect(address).is_err());
        let _listener = reserved.listen(8).expect("listens");
        assert!(std::net::TcpStream::connect(address).is_ok());
    }

    #[test]
    fn a_port_is_free_again_as_soon_as_its_server_has_ended() {
        let listener = open("127.0.0.1", 0, 8).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let client = std::net::TcpStream::connect(address).expect("connects");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        let served = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) => assert!(error.kind() == std::io::ErrorKind::WouldBlock && std::time::Instant::now() < deadline, "{error}"),
            }
        };
        // The server closes first: its side goes to TIME_WAIT once the client has closed too.
        drop((served, listener));
        drop(client);
        let again = open("127.0.0.1", address.port(), 8);
        assert!(again.is_ok(), "{again:?} {:?}", sockets().into_iter().filter(|s| s.0 == address.port()).collect::<Vec<_>>());
    }

    #[test]
    fn a_foreign_address_is_bad_input() {
        for host in ["192.0.2.1", ""] {
            assert_eq!(open(host, 0, 8).expect_err("refused").exit(), Exit::BadInput, "{host}");
        }
    }
}
