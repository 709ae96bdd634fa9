//! Carries bytes between a client's connection and the SSH server, badly if asked to.
//!
//! In: a TCP stream and the near end of the server's stream. Out: the same bytes, later, slower, or not at all.

use super::faults::Faults;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Bytes that are moved at once.
const CHUNK: usize = 32 * 1024;
/// Chunks under way in one direction: what a line of long delay holds.
const UNDER_WAY: usize = 1024;

/// Carries both directions until one side ends or the connection is cut.
pub(super) async fn carry<A, B>(outer: A, inner: B, faults: Faults)
where
    A: AsyncRead + AsyncWrite + Send,
    B: AsyncRead + AsyncWrite + Send,
{
    let mut cuts = faults.cuts();
    let (outer_read, outer_write) = tokio::io::split(outer);
    let (inner_read, inner_write) = tokio::io::split(inner);
    tokio::select! {
        () = direction(outer_read, inner_write, &faults) => {}
        () = direction(inner_read, outer_write, &faults) => {}
        _ = cuts.changed() => {}
    }
}

async fn direction<R, W>(from: R, to: W, faults: &Faults)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (sender, receiver) = mpsc::channel(UNDER_WAY);
    tokio::join!(take(from, sender), give(to, receiver, faults));
}

async fn take<R: AsyncRead + Unpin>(mut from: R, sender: mpsc::Sender<(Instant, Vec<u8>)>) {
    loop {
        let mut chunk = vec![0; CHUNK];
        let count = match from.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(count) => count,
        };
        chunk.truncate(count);
        if sender.send((Instant::now(), chunk)).await.is_err() {
            return;
        }
    }
}

async fn give<W: AsyncWrite + Unpin>(
    mut to: W,
    mut receiver: mpsc::Receiver<(Instant, Vec<u8>)>,
    faults: &Faults,
) {
    let mut free = Instant::now();
    while let Some((sent, chunk)) = receiver.recv().await {
        free = arrival(free.max(Instant::now()), sent, chunk.len(), faults).await;
        faults.flowing().await;
        let passing = faults.pass(chunk.len());
        let passed = &chunk[..passing];
        if to.write_all(passed).await.is_err() || to.flush().await.is_err() {
            return;
        }
        if passing < chunk.len() {
            faults.cut_is_due();
            return;
        }
    }
    // A failure means that the other side is gone already.
    let _ = to.shutdown().await;
}

/// Waits until so many bytes have arrived over a line that is free at a time, and gives back when that was. Where the plan changes
/// meanwhile, it is as if the new one had held from the beginning.
async fn arrival(free: Instant, sent: Instant, bytes: usize, faults: &Faults) -> Instant {
    let mut plans = faults.plans();
    loop {
        let plan = plans.borrow_and_update().clone();
        let mut due = sent + plan.latency;
        if let Some(rate) = plan.bandwidth {
            due = due.max(free) + Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
        }
        tokio::select! {
            () = sleep_until(due) => return due,
            _ = plans.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::faults::Plan;
    use tokio::io::duplex;
    use tokio::time::{sleep, timeout};

    async fn through(faults: &Faults, bytes: usize) -> (usize, Duration) {
        let (mut client, outer) = duplex(1 << 20);
        let (inner, mut server) = duplex(1 << 20);
        let carrying = tokio::spawn(carry(outer, inner, faults.clone()));
        let start = Instant::now();
        client.write_all(&vec![7; bytes]).await.unwrap();
        let mut got = vec![0; bytes];
        let mut count = 0;
        while count < bytes {
            match server.read(&mut got[count..]).await {
                Ok(0) | Err(_) => break,
                Ok(more) => count += more,
            }
        }
        let took = start.elapsed();
        drop((client, server));
        carrying.await.unwrap();
        (count, took)
    }

    #[tokio::test]
    async fn delays_and_paces() {
        let faults = Faults::none();
        assert_eq!(through(&faults, 100_000).await.0, 100_000);
        faults.set(|plan| plan.latency = Duration::from_millis(50));
        let (count, took) = through(&faults, 100_000).await;
        assert_eq!(count, 100_000);
        assert!(took.as_millis() >= 50, "{took:?}");
        faults.set(|plan| {
            plan.latency = Duration::ZERO;
            plan.bandwidth = Some(1_000_000);
        });
        let (_, took) = through(&faults, 100_000).await;
        assert!(took.as_millis() >= 99, "{took:?}");
    }

    #[tokio::test]
    async fn a_change_holds_for_what_is_under_way() {
        for slow in [
            |plan: &mut Plan| plan.bandwidth = Some(1),
            |plan: &mut Plan| plan.latency = Duration::from_secs(86_400),
        ] {
            let faults = Faults::none();
            faults.set(slow);
            let sending = tokio::spawn({
                let faults = faults.clone();
                async move { through(&faults, 100_000).await }
            });
            sleep(Duration::from_millis(50)).await;
            assert!(!sending.is_finished());
            faults.clear();
            let (count, _) = timeout(Duration::from_secs(60), sending)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(count, 100_000);
        }
    }

    #[tokio::test]
    async fn cuts_after_so_many_bytes() {
        let faults = Faults::none();
        faults.set(|plan| plan.cut_after = Some(70_000));
        assert_eq!(through(&faults, 100_000).await.0, 70_000);
        assert_eq!(through(&faults, 100_000).await.0, 100_000);
    }

    #[tokio::test]
    async fn stalls_until_it_flows_again() {
        let faults = Faults::none();
        faults.set(|plan| plan.stall = true);
        let again = faults.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            again.clear();
        });
        let (count, took) = through(&faults, 1000).await;
        assert_eq!(count, 1000);
        assert!(took.as_millis() >= 200, "{took:?}");
    }
}
