//! A TCP connection to an sshd.
//!
//! In: an address. Out: a stream on which a small packet waits for no other, in either direction. sshd leaves Nagle's algorithm on for
//! a session without a terminal: its second small packet (the exit status behind the output) waits until the first is acknowledged, and
//! a system that has nothing to send puts that off by 40 ms. So what was read is acknowledged at once.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// An open connection.
pub(super) struct Tcp(TcpStream);

impl Tcp {
    /// Connects to the first address of a host that takes it.
    pub(super) async fn connect(host: &str, port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// This side's address and port.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        self.0.local_addr().ok()
    }

    /// The address that it is connected to.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        Some(self.0.peer_addr().ok()?.ip())
    }
}

impl AsyncRead for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.0).poll_read(context, buffer));
        // The system goes back to its own way by itself. Where it can't be told, it is slower.
        #[cfg(target_os = "linux")]
        let _ = self.0.set_quickack(true);
        Poll::Ready(read)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Answers each byte with two, one after the other, as sshd does.
    async fn server() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    while stream.read_u8().await.is_ok() {
                        for _ in 0..2 {
                            stream.write_u8(1).await.unwrap();
                        }
                    }
                });
            }
        });
        port
    }

    /// How long such an answer takes, the median.
    async fn answered(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Duration {
        let mut times = Vec::new();
        for _ in 0..15 {
            let began = Instant::now();
            stream.write_u8(0).await.unwrap();
            stream.read_exact(&mut [0; 2]).await.unwrap();
            times.push(began.elapsed());
        }
        times.sort_unstable();
        times[times.len() / 2]
    }

    #[tokio::test]
    async fn the_second_of_two_small_packets_is_not_waited_for() {
        let port = server().await;
        let mut plain = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        plain.set_nodelay(true).unwrap();
        let mut prompt = Tcp::connect("127.0.0.1", port).await.unwrap();
        let (late, soon) = (answered(&mut plain).await, answered(&mut prompt).await);
        assert!(soon * 2 < late, "{soon:?}, and {late:?} without it");
    }
}
