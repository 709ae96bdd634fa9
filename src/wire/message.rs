//! What a daemon says between a request and its reply: log lines, activities, errors, and that it is done.
//!
//! In: bytes. Out: [`Message`]; and back. Source: `worker-protocol.hh` (`STDERR_*`), `daemon.cc` (`TunnelLogger`).

use super::{Encoder, Reader, WireError, limits};
use crate::domain::budget::{Budget, most};
use crate::domain::text;
use std::fmt;
use tokio::io::AsyncRead;

const NEXT: u64 = 0x6f6c_6d67;
const LAST: u64 = 0x616c_7473;
const ERROR: u64 = 0x6378_7470;
const START_ACTIVITY: u64 = 0x5354_5254;
const STOP_ACTIVITY: u64 = 0x5354_4f50;
const RESULT: u64 = 0x5253_4c54;

/// The daemon's levels of verbosity, of which only two are used here.
pub mod levels {
    /// Errors, which are always sent.
    pub const ERROR: u64 = 0;
    /// The default, enough for the messages of garbage collection.
    pub const INFO: u64 = 3;
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A log text, coloured for terminals.
    Log(String),
    /// Something longer begins.
    Start(Activity),
    /// The activity of this id has ended.
    Stop(u64),
    /// News of an activity, such as its progress.
    Progress {
        /// Of which activity.
        id: u64,
        /// Kind of news; 105 is (done, expected, running, failed).
        kind: u64,
        /// Its values.
        fields: Vec<Field>,
    },
    /// The request failed; no reply follows.
    Error(RemoteError),
    /// The request succeeded; its reply follows.
    Last,
}

/// Something longer that the daemon does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Unique in this connection.
    pub id: u64,
    /// The verbosity that it belongs to.
    pub level: u64,
    /// Kind of activity, such as 103 for copying paths.
    pub kind: u64,
    /// What it is, in words.
    pub text: String,
    /// Its values.
    pub fields: Vec<Field>,
    /// The activity that it is part of, 0 for none.
    pub parent: u64,
}

/// A value of an activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A number.
    Integer(u64),
    /// A text.
    Text(String),
}

/// An error that the daemon reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteError {
    /// 0 in every error seen.
    pub level: u64,
    /// As sent, coloured for terminals; its beginning, where it is long.
    pub message: String,
    /// Context, outermost last; the first ones, where there are many.
    pub traces: Vec<String>,
}

impl RemoteError {
    /// An error with only a message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            level: levels::ERROR,
            message: message.into(),
            traces: Vec::new(),
        }
    }
}

impl fmt::Display for RemoteError {
    /// One line without colours, without `error: ` before it, and with nothing hostile in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = text::plain(&self.message);
        f.write_str(message.strip_prefix("error: ").unwrap_or(&message))?;
        for trace in &self.traces {
            write!(f, "; {}", text::plain(trace))?;
        }
        Ok(())
    }
}

impl Message {
    /// What one counts beside its texts, where many are summed up.
    pub const COST: u64 = 64;

    /// Reads the next message. After the last one, the reader allows a usual answer.
    pub async fn read<R: AsyncRead + Unpin>(reader: &mut Reader<R>) -> Result<Self, WireError> {
        reader.allow(Budget::new("a message", most::MESSAGE));
        Ok(match reader.integer().await? {
            NEXT => Self::Log(reader.text("a log text", limits::TEXT).await?),
            START_ACTIVITY => Self::Start(Activity {
                id: reader.integer().await?,
                level: reader.integer().await?,
                kind: reader.integer().await?,
                text: reader.text("an activity's text", limits::TEXT).await?,
                fields: read_fields(reader).await?,
                parent: reader.integer().await?,
            }),
            STOP_ACTIVITY => Self::Stop(reader.integer().await?),
            RESULT => Self::Progress {
                id: reader.integer().await?,
                kind: reader.integer().await?,
                fields: read_fields(reader).await?,
            },
            ERROR => Self::Error(read_error(reader).await?),
            LAST => {
                reader.allow(Budget::new("the answer", most::ANSWER));
                Self::Last
            }
            got => {
                return Err(WireError::Unexpected {
                    what: "message",
                    got,
                });
            }
        })
    }

    /// Writes it, as a daemon does.
    pub fn encode(&self, out: &mut Encoder) {
        match self {
            Self::Log(text) => {
                out.integer(NEXT).text(text);
            }
            Self::Start(activity) => {
                out.integer(START_ACTIVITY)
                    .integer(activity.id)
                    .integer(activity.level)
                    .integer(activity.kind)
                    .text(&activity.text);
                encode_fields(&activity.fields, out);
                out.integer(activity.parent);
            }
            Self::Stop(id) => {
                out.integer(STOP_ACTIVITY).integer(*id);
            }
            Self::Progress { id, kind, fields } => {
                out.integer(RESULT).integer(*id).integer(*kind);
                encode_fields(fields, out);
            }
            Self::Error(error) => {
                // The type and the old name are always `Error`; there is never a position, nor one in a trace.
                out.integer(ERROR)
                    .text("Error")
                    .integer(error.level)
                    .text("Error")
                    .text(&error.message)
                    .integer(0)
                    .integer(error.traces.len() as u64);
                for trace in &error.traces {
                    out.integer(0).text(trace);
                }
            }
            Self::Last => {
                out.integer(LAST);
            }
        }
    }
}

async fn read_error<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
) -> Result<RemoteError, WireError> {
    let kept = limits::ERROR_KEPT;
    reader.text("an error's type", limits::PATH).await?;
    let level = reader.integer().await?;
    reader.text("an error's name", limits::PATH).await?;
    let message = reader
        .beginning("an error's message", limits::TEXT, kept)
        .await?;
    no_position(reader).await?;
    let count = reader.capped("a number of traces", limits::FIELDS).await?;
    let mut traces = Vec::new();
    for _ in 0..count {
        no_position(reader).await?;
        let trace = reader.beginning("a trace", limits::TEXT, kept).await?;
        if traces.len() < limits::TRACES_KEPT {
            traces.push(trace);
        }
    }
    Ok(RemoteError {
        level,
        message,
        traces,
    })
}

/// Positions are never sent, and nothing defines how they would look.
async fn no_position<R: AsyncRead + Unpin>(reader: &mut Reader<R>) -> Result<(), WireError> {
    match reader.integer().await? {
        0 => Ok(()),
        got => Err(WireError::Unexpected {
            what: "position",
            got,
        }),
    }
}

async fn read_fields<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
) -> Result<Vec<Field>, WireError> {
    let count = reader.capped("a number of fields", limits::FIELDS).await?;
    let mut fields = Vec::new();
    for _ in 0..count {
        reader.charge_entries::<Field>(1)?;
        fields.push(match reader.integer().await? {
            0 => Field::Integer(reader.integer().await?),
            1 => Field::Text(reader.text("a field", limits::TEXT).await?),
            got => {
                return Err(WireError::Unexpected {
                    what: "field tag",
                    got,
                });
            }
        });
    }
    Ok(fields)
}

fn encode_fields(fields: &[Field], out: &mut Encoder) {
    out.integer(fields.len() as u64);
    for field in fields {
        match field {
            Field::Integer(value) => out.integer(0).integer(*value),
            Field::Text(text) => out.integer(1).text(text),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tests::{now, unhex};
    use proptest::prelude::*;

    #[test]
    fn codes() {
        for (first, message) in [
            ("676d6c6f00000000", Message::Log("x".into())),
            ("73746c6100000000", Message::Last),
            (
                "7074786300000000",
                Message::Error(RemoteError::new("you are not allowed to ignore liveness")),
            ),
        ] {
            let mut out = Encoder::new();
            message.encode(&mut out);
            assert_eq!(&out.bytes()[..8], unhex(first));
            assert_eq!(
                now(Message::read(&mut Reader::new(out.bytes()))).unwrap(),
                message
            );
        }
    }

    #[test]
    fn refuses_what_has_no_length() {
        let read = |hex: &str| {
            let bytes = unhex(hex);
            now(Message::read(&mut Reader::new(&bytes[..])))
        };
        let unknown = read("3930000000000000 0000000000000000");
        assert!(matches!(unknown, Err(WireError::Unexpected { .. })));
        // A result whose only field has the tag 2.
        let tag = read(
            "544c535200000000 0100000000000000 6900000000000000 0100000000000000 0200000000000000",
        );
        assert!(matches!(
            tag,
            Err(WireError::Unexpected {
                what: "field tag",
                got: 2
            })
        ));
    }

    #[test]
    fn errors_are_shown_plainly() {
        let error = RemoteError {
            traces: vec!["while\nreading \u{1b}[2J".into()],
            ..RemoteError::new("\u{1b}[31;1merror:\u{1b}[0m path '\u{1b}[35;1mx\u{1b}[0m' is bad\n")
        };
        assert_eq!(error.to_string(), "path 'x' is bad; while reading \\e[2J");
    }

    fn field() -> impl Strategy<Value = Field> {
        prop_oneof![
            any::<u64>().prop_map(Field::Integer),
            ".{0,12}".prop_map(Field::Text)
        ]
    }

    fn message() -> impl Strategy<Value = Message> {
        let fields = || proptest::collection::vec(field(), 0..4);
        prop_oneof![
            ".{0,40}".prop_map(Message::Log),
            any::<u64>().prop_map(Message::Stop),
            (any::<[u64; 4]>(), ".{0,12}", fields()).prop_map(|(n, text, fields)| Message::Start(
                Activity {
                    id: n[0],
                    level: n[1],
                    kind: n[2],
                    text,
                    fields,
                    parent: n[3]
                }
            )),
            (any::<[u64; 2]>(), fields()).prop_map(|(n, fields)| Message::Progress {
                id: n[0],
                kind: n[1],
                fields
            }),
            (
                any::<u64>(),
                ".{0,40}",
                proptest::collection::vec(".{0,9}", 0..3)
            )
                .prop_map(|(level, message, traces)| Message::Error(RemoteError {
                    level,
                    message,
                    traces
                })),
            Just(Message::Last),
        ]
    }

    proptest! {
        #[test]
        fn round_trip(messages in proptest::collection::vec(message(), 0..6)) {
            let mut out = Encoder::new();
            for message in &messages {
                message.encode(&mut out);
            }
            let mut reader = Reader::new(out.bytes());
            for message in &messages {
                prop_assert_eq!(&now(Message::read(&mut reader)).unwrap(), message);
            }
            prop_assert!(!now(reader.wait()).unwrap());
        }

        #[test]
        fn never_panics(code in prop_oneof![
            Just(NEXT), Just(ERROR), Just(START_ACTIVITY), Just(STOP_ACTIVITY), Just(RESULT), any::<u64>()
        ], rest in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = code.to_le_bytes().to_vec();
            bytes.extend(rest);
            let _ = now(Message::read(&mut Reader::new(&bytes[..])));
        }
    }
}
