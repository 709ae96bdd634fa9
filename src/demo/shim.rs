//! The stand-in for Nix's commands: what a server script runs in the place of `nix`, `nix-daemon` and `nix-store`.
//!
//! In: the demo's socket, the command's name and its arguments. Out: what the demo answers, on the usual streams.
//! The daemon goes this way too, so that a script for the real server meets nothing else here.

use super::tools::{self, Call, Outcome};
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use zeroize::Zeroizing;

/// Bytes that are moved at once.
const CHUNK: usize = 32 * 1024;

/// The status of a command that could not do its work.
const FAILED: u8 = 1;

/// Runs the stand-in with the arguments after `demo-shim`: socket, command, and what it was called with.
/// Gives the exit code. It is not for people: it only works inside a demo.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    match run(arguments.into_iter()) {
        Ok(status) => status,
        Err(error) => {
            // Nowhere is left to say that this failed.
            let _ = writeln!(
                std::io::stderr(),
                "error: the demo that this command belongs to does not answer: {error}"
            );
            FAILED
        }
    }
}

fn run(mut arguments: impl Iterator<Item = OsString>) -> std::io::Result<u8> {
    let socket = arguments
        .next()
        .ok_or_else(|| std::io::Error::other("no socket was given"))?;
    let arguments: Vec<String> = arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    if tools::is_served(&arguments) {
        std::io::stdout().write_all(&tools::GREETING)?;
        return Ok(0);
    }
    let daemon = tools::is_daemon(&arguments);
    let mut input = Zeroizing::new(String::new());
    if tools::reads_input(&arguments) && !daemon {
        std::io::stdin().read_to_string(&mut input)?;
    }
    let call = Call {
        arguments,
        folder: std::env::current_dir()?,
        input: std::mem::take(&mut *input),
    };
    let mut line = Zeroizing::new(serde_json::to_string(&call)?);
    line.push('\n');
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(line.as_bytes())?;
    if daemon {
        converse(stream)
    } else {
        report(stream)
    }
}

fn report(stream: UnixStream) -> std::io::Result<u8> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let outcome: Outcome = serde_json::from_str(&line)?;
    std::io::stderr().write_all(outcome.stderr.as_bytes())?;
    let mut stdout = std::io::stdout();
    stdout.write_all(outcome.stdout.as_bytes())?;
    stdout.flush()?;
    Ok(outcome.status)
}

/// Carries the conversation. When either side ends, all of it does, as with the real daemon.
fn converse(stream: UnixStream) -> std::io::Result<u8> {
    let mut to_demo = stream.try_clone()?;
    std::thread::spawn(move || {
        // A failure is the end of the conversation, which the other direction reports.
        let _ = carry(&mut std::io::stdin(), &mut to_demo);
        let _ = to_demo.shutdown(Shutdown::Both);
    });
    let mut from_demo = stream;
    carry(&mut from_demo, &mut std::io::stdout())?;
    Ok(0)
}

/// Moves bytes as they come. Standard output keeps back what follows a line's end, so each part is flushed.
fn carry(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                to.write_all(&chunk[..count])?;
                to.flush()?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
