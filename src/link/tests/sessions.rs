//! Few sessions on a connection (sshd's `MaxSessions`), down to none.

use super::rig::*;
use crate::link::*;

#[tokio::test]
async fn many_at_a_time_share_what_the_server_allows() {
    for sessions in [1, 2, 3, 4, 6, 10] {
        let sshd = Sshd::with(&format!("MaxSessions {sessions}"));
        let link = sshd.open().await;
        // Held for long, as a job's lock and a daemon are.
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(link.start(&Command::script("exec cat")).await.unwrap());
        }
        let all = (0..25).map(|index| {
            let link = link.clone();
            async move {
                output(
                    &link,
                    &Command::script("sleep 0.05; echo \"$1\"").arg(index.to_string()),
                )
                .await
            }
        });
        let all = futures_util::future::join_all(all).await;
        for (index, done) in all.into_iter().enumerate() {
            assert_eq!(done.stdout, format!("{index}\n").into_bytes(), "{sessions}");
        }
        for process in held {
            assert_eq!(process.wait().await, Exit::Code(0), "{sessions}");
        }
        // What is dropped makes room again.
        for _ in 0..12 {
            drop(link.start(&Command::script("exec cat")).await.unwrap());
        }
        assert!(
            output(&link, &Command::script("true")).await.exit.success(),
            "{sessions}"
        );
        link.close().await;
        assert!(link.start(&Command::script("true")).await.is_err());
    }
}

#[tokio::test]
async fn a_server_without_sessions_is_not_taken_for_one_without_a_shell() {
    let sshd = Sshd::with("MaxSessions 0");
    let link = sshd.open().await;
    let error = link.start(&Command::script("true")).await;
    let error = error.err().unwrap().to_string();
    assert!(error.contains("MaxSessions"), "{error}");
    assert!(!error.contains("shell"), "{error}");
}
