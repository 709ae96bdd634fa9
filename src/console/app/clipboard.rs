//! What is copied, on its way to a clipboard.
//!
//! In: a text. Out: the sequence for the terminal, and what was done, in words. Inside of tmux, which by default passes no such sequence of a
//! program on (`set-clipboard external`, tmux(1)), tmux itself is handed the text: it keeps it and sends it to its terminal.

use crate::domain::count::count;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// The most that is sent, in bytes before base64; more than that, terminals drop.
const MOST: usize = 74_000;

/// How long tmux may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The sequence that asks the terminal to copy (xterm's control sequences, OSC 52), or why there is none.
pub(in crate::console) fn sequence(text: &str) -> Result<String, String> {
    if text.len() > MOST {
        return Err(format!(
            "{} are too many for the terminal's clipboard; {} go at once",
            count(text.len(), "byte"),
            count(MOST, "byte")
        ));
    }
    Ok(format!("\x1b]52;c;{}\x07", STANDARD.encode(text)))
}

/// What was done outside of tmux: nobody says whether the terminal took it.
pub(in crate::console) fn sent(text: &str) -> String {
    format!("copied {} through the terminal", count(text.len(), "byte"))
}

/// Hands the text to tmux; what was done. The sequence was sent as well.
pub(in crate::console) async fn to_tmux(text: String) -> String {
    let size = count(text.len(), "byte");
    match tokio::time::timeout(PATIENCE, load_buffer(text)).await {
        Ok(Ok(())) => format!("copied {size} into tmux's buffer, and to its terminal's clipboard"),
        Ok(Err(why)) => format!(
            "sent {size} to tmux, which passes them on only with `set -g set-clipboard on` ({why})"
        ),
        Err(_) => format!("sent {size} to tmux, which did not answer"),
    }
}

async fn load_buffer(text: String) -> Result<(), String> {
    let mut tmux = Command::new("tmux")
        .args(["load-buffer", "-w", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("tmux can't be started: {error}"))?;
    if let Some(mut input) = tmux.stdin.take() {
        // tmux before 3.2 does not know the option, and ends without reading.
        let _ = input.write_all(text.as_bytes()).await;
    }
    match tmux.wait().await {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("load-buffer -w needs tmux 3.2".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
