//! Running the server: its runtime, its stop, its last words.

use super::{App, router};
use crate::{base::Problem, embedded::listen::Listening, said};
use std::{future::Future, io, net::TcpListener, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// How long streams under way may go on after a stop was asked for.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(2);

/// Connections the kernel keeps for us before they are accepted.
pub const BACKLOG: i32 = 1024;

/// Runs `work` on a runtime of this thread: one thread serves HTTP, the engine has its own.
///
/// # Errors
/// No runtime could be had.
pub fn block_on<F: Future>(work: impl FnOnce() -> F) -> Result<F::Output, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
    let output = runtime.block_on(work());
    // Tokenizing on another thread must not hold up the end.
    runtime.shutdown_background();
    Ok(output)
}

/// Ends when this process gets SIGINT or SIGTERM.
pub async fn signalled() {
    let both = signal(SignalKind::interrupt()).and_then(|interrupt| Ok((interrupt, signal(SignalKind::terminate())?)));
    match both {
        Ok((mut interrupt, mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(error) => {
            tracing::error!("signals cannot be watched: {error}");
            std::future::pending::<()>().await;
        }
    }
}

/// What a server of `name` says once it listens.
///
/// # Errors
/// The socket has no address.
pub fn listening(listener: &TcpListener, name: &str) -> Result<Listening, Problem> {
    Ok(Listening::new(listener.local_addr().map_err(|error| failed(&error))?, name))
}

/// Serves until `stop` ends, then gives streams under way two more seconds. `listener` must be non-blocking.
///
/// # Errors
/// The socket cannot be served.
pub async fn serve_http(app: Arc<App>, listener: TcpListener, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), Problem> {
    use axum::serve::ListenerExt as _;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| failed(&error))?.tap_io(|stream| {
        // A token is small: without this it may wait for the one before to be acknowledged.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("TCP_NODELAY: {error}");
        }
    });
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let serving = axum::serve(listener, router(app)).with_graceful_shutdown(async move {
        stop.await;
        let _ = stopping.send(());
    });
    tokio::select! {
        ended = serving.into_future() => ended.map_err(|error| failed(&error)),
        () = async {
            // An error means that serving ended by itself; the other branch tells.
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(LAST_WORDS).await;
        } => Ok(()),
    }
}

fn failed(error: &io::Error) -> Problem {
    Problem::failed("engine.io", said!("the server ended: {error}", "服务器已终止：{error}"))
}
