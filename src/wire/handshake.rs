//! How a conversation begins, from either end.
//!
//! In: a fresh stream. Out: [`Hello`] (what the daemon is and what both sides speak), or why there is no conversation.
//! No optional feature is ever offered: one of them changes how a collection is asked for.

use super::{Encoder, Message, Reader, WireError, limits};
use crate::domain::budget::{Budget, most};
use crate::domain::text;
use std::fmt;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

const CLIENT_MAGIC: u64 = 0x6e69_7863;
const SERVER_MAGIC: u64 = 0x6478_696f;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 1 everywhere.
    pub major: u8,
    /// 34 for Nix 2.8, 38 since 2.24.
    pub minor: u8,
}

impl Version {
    /// The newest that is spoken here.
    pub const NEWEST: Self = Self::new(38);
    /// The oldest that is spoken here.
    pub const OLDEST: Self = Self::new(34);
    /// The first that says whether the client is trusted.
    const TRUST: Self = Self::new(35);
    /// The first that exchanges features.
    const FEATURES: Self = Self::new(38);

    /// 1.`minor`
    pub const fn new(minor: u8) -> Self {
        Self { major: 1, minor }
    }

    fn to_wire(self) -> u64 {
        u64::from(self.major) << 8 | u64::from(self.minor)
    }

    fn from_wire(got: u64) -> Result<Self, WireError> {
        let [major, minor] = u16::try_from(got)
            .map_err(|_| WireError::Unexpected {
                what: "protocol version",
                got,
            })?
            .to_be_bytes();
        Ok(Self { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What a client knows after the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// What both sides speak.
    pub version: Version,
    /// Version of Nix that answers, nothing hostile in it.
    pub nix_version: String,
    /// Whether the daemon trusts this client; `None` before 1.35 or where it does not know.
    pub trusted: Option<bool>,
}

/// What a daemon says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The newest protocol that it speaks.
    pub version: Version,
    /// Version of Nix.
    pub nix_version: String,
    /// Whether clients are trusted.
    pub trusted: Option<bool>,
}

/// The client's side.
pub async fn client_handshake<R, W>(
    reader: &mut Reader<R>,
    writer: &mut W,
) -> Result<Hello, WireError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut out = Encoder::new();
    out.integer(CLIENT_MAGIC).integer(Version::NEWEST.to_wire());
    offer(writer, &mut out).await;
    let magic = reader.integer().await?;
    if magic != SERVER_MAGIC {
        let mut start = magic.to_le_bytes().to_vec();
        start.extend_from_slice(reader.rest());
        start.truncate(80);
        return Err(WireError::Magic(text::visible_bytes(&start)));
    }
    let theirs = Version::from_wire(reader.integer().await?)?;
    if theirs.major != 1 || theirs < Version::OLDEST {
        return Err(WireError::Version(theirs));
    }
    let version = theirs.min(Version::NEWEST);
    if version >= Version::FEATURES {
        // The daemon reads before it writes, so this has to go out first.
        out.integer(0);
    }
    // No CPU affinity, no reserved space: both are obsolete. In one write with the features, to save a round trip.
    out.integer(0).integer(0);
    offer(writer, &mut out).await;
    if version >= Version::FEATURES {
        reader
            .texts("a feature", limits::FIELDS, limits::PATH)
            .await?;
    }
    let nix_version = reader.text("a version text", limits::PATH).await?;
    let trusted = if version >= Version::TRUST {
        match reader.integer().await? {
            0 => None,
            1 => Some(true),
            2 => Some(false),
            got => {
                return Err(WireError::Unexpected {
                    what: "trust flag",
                    got,
                });
            }
        }
    } else {
        None
    };
    let mut said = Budget::new("the greeting", most::GREETING);
    loop {
        match Message::read(reader).await? {
            Message::Last => {
                return Ok(Hello {
                    version,
                    nix_version: text::visible(&nix_version).into_owned(),
                    trusted,
                });
            }
            Message::Error(error) => return Err(WireError::Refused(error)),
            _ => said.charge(Message::COST + reader.budget().spent())?,
        }
    }
}

/// The daemon's side. Gives back what both sides speak.
pub async fn server_handshake<R, W>(
    reader: &mut Reader<R>,
    writer: &mut W,
    identity: &Identity,
) -> Result<Version, WireError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let magic = reader.integer().await?;
    if magic != CLIENT_MAGIC {
        return Err(WireError::Magic(text::visible_bytes(&magic.to_le_bytes())));
    }
    let mut out = Encoder::new();
    out.integer(SERVER_MAGIC)
        .integer(identity.version.to_wire());
    send(writer, &mut out).await?;
    let theirs = Version::from_wire(reader.integer().await?)?;
    if theirs < Version::OLDEST {
        return Err(WireError::Version(theirs));
    }
    let version = theirs.min(identity.version);
    if version >= Version::FEATURES {
        reader
            .texts("a feature", limits::FIELDS, limits::PATH)
            .await?;
        out.integer(0);
        send(writer, &mut out).await?;
    }
    if reader.boolean().await? {
        // An affinity mask, obsolete.
        reader.integer().await?;
    }
    reader.boolean().await?;
    out.text(&identity.nix_version);
    if version >= Version::TRUST {
        out.integer(match identity.trusted {
            None => 0,
            Some(true) => 1,
            Some(false) => 2,
        });
    }
    Message::Last.encode(&mut out);
    send(writer, &mut out).await?;
    Ok(version)
}

/// Sends to a peer that may have gone: what it said before that explains more, and is read next.
async fn offer<W: AsyncWrite + Unpin>(writer: &mut W, out: &mut Encoder) {
    let _ = writer.write_all(out.bytes()).await;
    let _ = writer.flush().await;
    out.clear();
}

async fn send<W: AsyncWrite + Unpin>(writer: &mut W, out: &mut Encoder) -> Result<(), WireError> {
    writer.write_all(out.bytes()).await?;
    writer.flush().await?;
    out.clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tests::{now, unhex};
    use proptest::prelude::*;

    /// The daemon's half of the measured transcripts.
    const NEW: &str = "6f69786400000000 2601000000000000 0000000000000000 \
        0600000000000000 322e33342e380000 0100000000000000 73746c6100000000";
    const OLD: &str = "6f69786400000000 2201000000000000 0500000000000000 322e382e30000000 \
        73746c6100000000";

    fn client(hex: &str) -> (Result<Hello, WireError>, Vec<u8>) {
        let bytes = unhex(hex);
        let mut sent = Vec::new();
        let hello = now(client_handshake(&mut Reader::new(&bytes[..]), &mut sent));
        (hello, sent)
    }

    #[test]
    fn as_measured_with_2_34() {
        let (hello, sent) = client(NEW);
        assert_eq!(
            hello.unwrap(),
            Hello {
                version: Version::new(38),
                nix_version: "2.34.8".into(),
                trusted: Some(true)
            }
        );
        assert_eq!(
            sent,
            unhex(
                "6378696e00000000 2601000000000000 0000000000000000 \
                 0000000000000000 0000000000000000"
            )
        );
    }

    #[test]
    fn as_measured_with_2_8() {
        let (hello, sent) = client(OLD);
        assert_eq!(
            hello.unwrap(),
            Hello {
                version: Version::new(34),
                nix_version: "2.8.0".into(),
                trusted: None
            }
        );
        assert_eq!(
            sent,
            unhex("6378696e00000000 2601000000000000 0000000000000000 0000000000000000")
        );
    }

    #[test]
    fn features_of_2_35_are_not_taken_up() {
        let (hello, _) = client(
            "6f69786400000000 2601000000000000 \
             0100000000000000 1f00000000000000 \
             64656c6574652d646561642d73706563 696669632d7265666572726572730000 \
             0600000000000000 322e33352e320000 0200000000000000 73746c6100000000",
        );
        assert_eq!(hello.unwrap().trusted, Some(false));
    }

    #[test]
    fn failures() {
        assert!(matches!(client("").0, Err(WireError::Closed)));
        let banner = crate::domain::path_info::hex(b"Welcome to cache\x1b[2J!\n");
        match client(&banner).0 {
            Err(WireError::Magic(start)) => assert_eq!(start, "Welcome to cache\\e[2J!\\n"),
            other => panic!("{other:?}"),
        }
        let (old, _) = client("6f69786400000000 2101000000000000");
        assert!(matches!(
            old,
            Err(WireError::Version(Version { minor: 33, .. }))
        ));
        let (two, _) = client("6f69786400000000 2202000000000000");
        assert!(matches!(
            two,
            Err(WireError::Version(Version { major: 2, .. }))
        ));
        let (wild, _) = client("6f69786400000000 2202020000000000");
        assert!(matches!(wild, Err(WireError::Unexpected { .. })));
        let mut out = Encoder::new();
        Message::Error(super::super::RemoteError::new("no")).encode(&mut out);
        let refused = OLD.replace(
            "73746c6100000000",
            &crate::domain::path_info::hex(out.bytes()),
        );
        assert!(matches!(client(&refused).0, Err(WireError::Refused(_))));
    }

    #[tokio::test]
    async fn both_ends_meet_in_every_version() {
        for minor in 34..=41 {
            let (near, far) = tokio::io::duplex(64);
            let identity = Identity {
                version: Version::new(minor),
                nix_version: "2.99".into(),
                trusted: Some(false),
            };
            let server = async {
                let (read, mut write) = tokio::io::split(far);
                server_handshake(&mut Reader::new(read), &mut write, &identity).await
            };
            let client = async {
                let (read, mut write) = tokio::io::split(near);
                client_handshake(&mut Reader::new(read), &mut write).await
            };
            let (spoken, hello) = tokio::join!(server, client);
            let hello = hello.unwrap();
            assert_eq!(spoken.unwrap(), hello.version);
            assert_eq!(hello.version, Version::new(minor.min(38)));
            assert_eq!(hello.trusted, (minor >= 35).then_some(false));
        }
    }

    proptest! {
        #[test]
        fn never_panics(
            keep in 0_usize..80,
            rest in proptest::collection::vec(any::<u8>(), 0..100),
            identity in 30_u8..45,
        ) {
            let mut bytes = unhex(NEW);
            bytes.truncate(keep);
            bytes.extend(&rest);
            let _ = now(client_handshake(&mut Reader::new(&bytes[..]), &mut Vec::new()));
            let mut bytes = unhex("6378696e00000000 2601000000000000 0000000000000000");
            bytes.truncate(keep);
            bytes.extend(&rest);
            let identity = Identity {
                version: Version::new(identity),
                nix_version: String::new(),
                trusted: None,
            };
            let _ = now(server_handshake(&mut Reader::new(&bytes[..]), &mut Vec::new(), &identity));
        }
    }
}
