//! The client's sockets: connecting without waiting, with the kernel's receive stamps where it gives them.

use crate::base::stamp;
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with, sockopt::set_tcp_nodelay},
};
use std::{net::SocketAddr, os::fd::OwnedFd};

/// A connection begun.
pub(super) struct Begun {
    pub(super) socket: OwnedFd,
    /// Connected already; else it will become writable.
    pub(super) connected: bool,
    /// The kernel stamps what comes in.
    pub(super) stamped: bool,
}

/// Begins a connection to `to`, without waiting for it.
pub(super) fn begin(to: SocketAddr) -> rustix::io::Result<Begun> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, Some(ipproto::TCP))?;
    set_tcp_nodelay(&socket, true)?;
    let stamped = stamp::ask(&socket);
    let connected = match connect(&socket, &to) {
        Ok(()) => true,
        Err(Errno::INPROGRESS) => false,
        Err(error) => return Err(error),
    };
    Ok(Begun { socket, connected, stamped })
}
