//! Standard output: the result of a subcommand and nothing else.
//!
//! In: values. Out: text, or one JSON document and one newline. Everything else (progress, questions, errors) goes to
//! standard error. A reader that has gone (`| head`) ends the program without a word.

use super::error::CliError;
use crate::domain::plain;
use serde::Serialize;
use std::io::{BufWriter, IsTerminal as _, Write};

/// Where results go, and in which form.
pub(super) struct Out {
    writer: BufWriter<Box<dyn Write + Send>>,
    json: bool,
    /// Text is ASCII only.
    plain: bool,
}

impl Out {
    /// Standard output.
    pub(super) fn stdout(json: bool) -> Self {
        Self {
            plain: plain::only_here(),
            ..Self::to(Box::new(std::io::stdout()), json)
        }
    }

    /// Any writer.
    pub(super) fn to(writer: Box<dyn Write + Send>, json: bool) -> Self {
        Self {
            writer: BufWriter::with_capacity(1 << 16, writer),
            json,
            plain: false,
        }
    }

    /// Whether JSON was asked for.
    pub(super) const fn json(&self) -> bool {
        self.json
    }

    /// The one JSON document.
    pub(super) fn document(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        serde_json::to_writer(&mut self.writer, value)?;
        self.line("")
    }

    /// A line of text, which must be fit to be shown.
    pub(super) fn line(&mut self, text: &str) -> Result<(), CliError> {
        if self.plain && !self.json {
            self.writer.write_all(plain::text(text).as_bytes())?;
        } else {
            self.writer.write_all(text.as_bytes())?;
        }
        self.writer.write_all(b"\n")?;
        Ok(())
    }

    /// A text of several lines, which are whole and fit to be shown.
    pub(super) fn text(&mut self, text: &str) -> Result<(), CliError> {
        Ok(self.raw().write_all(text.as_bytes())?)
    }

    /// Parts of a document that is too large to be one value.
    pub(super) fn raw(&mut self) -> &mut impl Write {
        &mut self.writer
    }

    /// Hands everything over.
    pub(super) fn flush(&mut self) -> Result<(), CliError> {
        Ok(self.writer.flush()?)
    }
}

/// Says something to the user, on standard error. Nothing can be done about an error there, so none is returned.
pub(super) fn say(text: &str) {
    let text = if plain::only_here() {
        plain::text(text)
    } else {
        text.into()
    };
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Whether someone can be asked: questions are written to standard error and answered on standard input.
pub(super) fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A writer that can be looked into.
    #[derive(Clone, Default)]
    pub(crate) struct Shared(pub(crate) Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn one_document_and_one_newline() {
        let shared = Shared::default();
        let mut out = Out::to(Box::new(shared.clone()), true);
        out.document(&[1, 2]).unwrap();
        out.flush().unwrap();
        assert_eq!(*shared.0.lock().unwrap(), b"[1,2]\n");
    }

    #[test]
    fn text_is_plain_where_it_has_to_be_and_json_never() {
        for (json, expected) in [(false, "a... ?\n"), (true, "a… é\n")] {
            let shared = Shared::default();
            let mut out = Out {
                plain: true,
                ..Out::to(Box::new(shared.clone()), json)
            };
            out.line("a… é").unwrap();
            out.flush().unwrap();
            assert_eq!(*shared.0.lock().unwrap(), expected.as_bytes());
        }
    }

    #[test]
    fn a_closed_pipe_is_quiet() {
        let mut out = Out::to(Box::new(Gone), true);
        let result = out
            .document(&"x".repeat(1 << 17))
            .and_then(|()| out.flush());
        assert_eq!(result, Err(CliError::Closed));
        assert_eq!(CliError::Closed.code(), 0);
        assert_eq!(CliError::Closed.json(), None);
    }
}
