//! A server that is far away.

use super::rig::*;
use crate::link::*;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};

/// Something next door that connects onwards to a server far away, as a forwarded port or a load balancer does.
async fn forwarder(to: u16, one_way: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            let (near, far) = (near.into_split(), far.into_split());
            for (mut from, mut onwards) in [(near.0, far.1), (far.0, near.1)] {
                let (sender, mut late) = tokio::sync::mpsc::unbounded_channel();
                tokio::spawn(async move {
                    let mut buffer = vec![0; 64 << 10];
                    while let Ok(count @ 1..) = from.read(&mut buffer).await {
                        let due = tokio::time::Instant::now() + one_way;
                        let _ = sender.send((due, buffer[..count].to_vec()));
                    }
                });
                tokio::spawn(async move {
                    while let Some((due, bytes)) = late.recv().await {
                        tokio::time::sleep_until(due).await;
                        if onwards.write_all(&bytes).await.is_err() {
                            return;
                        }
                    }
                });
            }
        }
    });
    port
}

#[tokio::test]
async fn a_server_that_is_far_behind_what_is_near_is_read_as_one_that_is_far() {
    let sshd = Sshd::start();
    sshd.know();
    let near = forwarder(sshd.port, Duration::from_millis(25)).await;
    let (link, bulk) = open_both(&Options {
        name: format!("ssh://{}@127.0.0.1:{near}", user()),
        ssh_config: Some(sshd.config(&format!(
            "IdentityAgent none\nHostKeyAlias {}\n",
            sshd.known_as()
        ))),
        ..sshd.options()
    })
    .await;
    let time = async |link: &Link| {
        let began = Instant::now();
        let command = Command::script("head -c 8000000 /dev/zero");
        assert_eq!(output(link, &command).await.stdout.len(), 8_000_000);
        began.elapsed()
    };
    let (few, many) = (time(&link).await, time(&bulk).await);
    assert!(
        many < 4 * few,
        "{many:?} for streams, {few:?} for questions"
    );
}
