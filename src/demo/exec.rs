//! Runs one command of a client, as sshd would for a user without a terminal.
//!
//! In: an SSH channel, a command line, and the store once it has been made. Out: the command's output and its exit status. When the client or the
//! connection goes, so does everything that the command has started.

use super::Made;
use crate::domain::login_line;
use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Bytes of output that are read at once: one SSH packet.
const CHUNK: usize = 32 * 1024;

/// The status of a shell that could not be started.
const NOT_STARTED: u32 = 127;

/// Where a command finds itself.
pub(super) struct Environment {
    pub(super) variables: Vec<(&'static str, OsString)>,
    pub(super) home: PathBuf,
    /// What the command runs under.
    pub(super) sshd: PathBuf,
    /// What is `/var/lib/storekeeper` here.
    pub(super) state: PathBuf,
}

/// Runs the command to its end, or until the client or the demo ends it.
pub(super) async fn run(
    channel: Channel<Msg>,
    command: Vec<u8>,
    environment: Environment,
    made: watch::Receiver<Made>,
    ended: CancellationToken,
) {
    let (mut input, output) = channel.split();
    let made = tokio::select! {
        made = super::made(made) => made,
        () = ended.cancelled() => return,
    };
    let started = made.map_err(|error| error.to_string()).and_then(|_| {
        start(&command, environment)
            .map_err(|error| format!("the demo could not start a shell: {error}"))
    });
    let status = match started {
        Ok(mut child) => {
            let finished = tokio::select! {
                status = serve(&mut child, &mut input, &output) => Some(status),
                () = ended.cancelled() => None,
            };
            end_group(&child);
            match finished.flatten() {
                Some(status) => status,
                // Nobody is left to be told.
                None => return,
            }
        }
        Err(error) => {
            let _ = output
                .make_writer_ext(Some(1))
                .write_all(format!("{error}\n").as_bytes())
                .await;
            NOT_STARTED
        }
    };
    // Each fails only if the client has gone.
    let _ = output.eof().await;
    let _ = output.exit_status(status).await;
    let _ = output.close().await;
}

fn start(command: &[u8], environment: Environment) -> std::io::Result<Child> {
    // Paths are put in where they can be read: in what this program's own lines say.
    let text = login_line::decode(command);
    let command = text.as_deref().unwrap_or(command);
    let command = OsString::from_vec(at_home(command, &environment.state));
    Command::new(environment.sshd)
        .env_clear()
        .envs(environment.variables)
        .env("SSH_ORIGINAL_COMMAND", command)
        .current_dir(environment.home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Puts the scratch folder where the command says `/var/lib/storekeeper`, and its own mounts where it asks for the
/// machine's: a client that does not know the demo's own paths asks for the usual ones, and those are this machine's.
fn at_home(command: &[u8], state: &Path) -> Vec<u8> {
    const USUAL: [(&[u8], &str); 2] = [
        (b"/var/lib/storekeeper", ""),
        (b"/proc/self/mounts", "/mounts"),
    ];
    let mut rest = command;
    let mut out = Vec::with_capacity(command.len());
    while let Some((first, others)) = rest.split_first() {
        let usual = USUAL
            .iter()
            .find_map(|(usual, own)| Some((rest.strip_prefix(*usual)?, own)));
        if let Some((after, own)) = usual {
            out.extend_from_slice(state.as_os_str().as_bytes());
            out.extend_from_slice(own.as_bytes());
            rest = after;
        } else {
            out.push(*first);
            rest = others;
        }
    }
    out
}

/// Moves input and output until the command has ended and its output is through; `None` if the client hung up.
async fn serve(
    child: &mut Child,
    input: &mut ChannelReadHalf,
    output: &russh::ChannelWriteHalf<Msg>,
) -> Option<u32> {
    let stdin = child.stdin.take();
    let stdout = child.stdout.take()?;
    let stderr = child.stderr.take()?;
    let mut to_stdout = output.make_writer();
    let mut to_stderr = output.make_writer_ext(Some(1));
    let work = async {
        let mut stdout = BufReader::with_capacity(CHUNK, stdout);
        let mut stderr = BufReader::with_capacity(CHUNK, stderr);
        let _ = tokio::join!(
            tokio::io::copy_buf(&mut stdout, &mut to_stdout),
            tokio::io::copy_buf(&mut stderr, &mut to_stderr),
        );
        child.wait().await
    };
    tokio::select! {
        status = work => Some(match status {
            Ok(status) => status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)) as u32,
            Err(_) => NOT_STARTED,
        }),
        () = feed(stdin, input) => None,
    }
}

/// Gives the command its input; ends when the client hangs up.
async fn feed(mut stdin: Option<ChildStdin>, input: &mut ChannelReadHalf) {
    loop {
        match input.wait().await {
            Some(ChannelMsg::Data { data }) => {
                if let Some(open) = stdin.as_mut() {
                    // A command that does not read its input is no reason to stop reading the client.
                    if open.write_all(&data).await.is_err() {
                        stdin = None;
                    }
                }
            }
            Some(ChannelMsg::Eof) => stdin = None,
            Some(ChannelMsg::Close) | None => return,
            Some(_) => {}
        }
    }
}

/// Ends the command and everything it has started.
fn end_group(child: &Child) {
    let group = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // It fails if nothing of the group is left.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_folder_is_the_scratch_folder() {
        let state = Path::new("/scratch/state");
        assert_eq!(
            at_home(
                b"cat '/var/lib/storekeeper/audit.jsonl' /var/lib/other",
                state
            ),
            b"cat '/scratch/state/audit.jsonl' /var/lib/other"
        );
        assert_eq!(at_home(b"", state), b"");
    }
}
