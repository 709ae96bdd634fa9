//! The one reply with a layout of its own: a path info.
//!
//! In: the bytes after `Last`. Out: [`InfoReply`]; and back. All other replies are primitives of [`Reader`] and [`Encoder`].
//! Source: `WorkerProto::Serialise<UnkeyedValidPathInfo>` in `worker-protocol.cc` of Nix.

use super::{Encoder, Reader, WireError, limits};
use crate::domain::budget::{Budget, most};
use crate::domain::{NarHash, PathInfo, StorePath, When};
use tokio::io::AsyncRead;

/// The answer to `QueryPathInfo`, which does not repeat the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InfoReply {
    /// The path is valid.
    Valid(PathInfo),
    /// The store does not have it.
    Invalid,
    /// The layout was right and a value was not; the conversation can go on.
    Unreadable(String),
}

/// Reads the reply to a `QueryPathInfo` of this path.
pub async fn read_path_info<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
    path: &StorePath,
) -> Result<InfoReply, WireError> {
    reader.allow(Budget::new("the answer about one path", most::INFO));
    if !reader.boolean().await? {
        return Ok(InfoReply::Invalid);
    }
    let mut wrong = None;
    let deriver = match reader.optional_path().await {
        Err(WireError::Path(why)) => {
            wrong = Some(format!("its deriver is malformed ({why})"));
            None
        }
        other => other?,
    };
    let hash = reader.text("a hash", limits::PATH).await?;
    let count = reader
        .capped("a number of references", limits::PATHS)
        .await?;
    let mut references = Vec::with_capacity(count.min(64) as usize);
    for _ in 0..count {
        reader.charge_entries::<StorePath>(1)?;
        match reader.path().await {
            Err(WireError::Path(why)) => {
                wrong = Some(format!("one of its references is malformed ({why})"));
            }
            other => references.push(other?),
        }
    }
    let registered = reader.integer().await?;
    let nar_size = reader.integer().await?;
    let ultimate = reader.boolean().await?;
    let mut signatures = reader
        .texts("a signature", limits::SIGNATURES, limits::SIGNATURE)
        .await?;
    // Releases sort them by different rules.
    signatures.sort_unstable();
    let address = reader.text("a content address", limits::SIGNATURE).await?;
    let Some(nar_hash) = NarHash::from_hex(&hash) else {
        return Ok(InfoReply::Unreadable(
            "its NAR hash is not 64 hexadecimal digits".to_owned(),
        ));
    };
    if let Some(why) = wrong {
        return Ok(InfoReply::Unreadable(why));
    }
    Ok(InfoReply::Valid(PathInfo {
        path: path.clone(),
        deriver,
        nar_hash,
        nar_size,
        references,
        registered: When::from_unix(i64::try_from(registered).unwrap_or(i64::MAX)),
        ultimate,
        signatures,
        content_address: (!address.is_empty()).then_some(address),
    }))
}

/// Writes the reply of a valid path, as a daemon does (the flag and the body, not `Last` before it).
pub fn encode_path_info(info: &PathInfo, out: &mut Encoder) {
    out.boolean(true)
        .optional_path(info.deriver.as_ref())
        .text(info.nar_hash.to_hex())
        .paths(info.references.iter())
        .integer(u64::try_from(info.registered.unix()).unwrap_or(0))
        .integer(info.nar_size)
        .boolean(info.ultimate)
        .texts(&info.signatures)
        .text(info.content_address.as_deref().unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path_info::tests::vector;
    use crate::wire::tests::now;
    use proptest::prelude::*;

    fn read(out: &Encoder) -> Result<InfoReply, WireError> {
        now(read_path_info(
            &mut Reader::new(out.bytes()),
            &vector().path,
        ))
    }

    #[test]
    fn invalid_is_one_zero() {
        let mut out = Encoder::new();
        out.integer(0);
        assert_eq!(read(&out).unwrap(), InfoReply::Invalid);
    }

    #[test]
    fn one_wrong_value_costs_one_path() {
        let body = |deriver: &str, hash: &str, reference: &str| {
            let mut out = Encoder::new();
            out.integer(1)
                .text(deriver)
                .text(hash)
                .texts(&[reference])
                .integer(u64::MAX)
                .integer(5)
                .integer(0)
                .integer(0)
                .text("")
                .integer(77);
            let mut reader = Reader::new(out.bytes());
            let body = now(read_path_info(&mut reader, &vector().path)).unwrap();
            assert_eq!(now(reader.integer()).unwrap(), 77, "the place is kept");
            body
        };
        let hash = vector().nar_hash.to_hex();
        let good = vector().path.to_string();
        assert!(matches!(body("", &hash, &good), InfoReply::Valid(_)));
        for (deriver, hash, reference, word) in [
            ("nonsense", hash.as_str(), good.as_str(), "deriver"),
            ("", "zz", good.as_str(), "NAR hash"),
            ("", hash.as_str(), "/etc/passwd", "references"),
        ] {
            match body(deriver, hash, reference) {
                InfoReply::Unreadable(why) => assert!(why.contains(word), "{why}"),
                other => panic!("{other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn round_trip(
            time in 0_i64..200_000_000_000,
            nar_size: u64,
            ultimate: bool,
            deriver: bool,
            mut signatures in proptest::collection::vec(".{0,30}", 0..4),
            address in proptest::option::of(".{1,30}"),
        ) {
            signatures.sort_unstable();
            let info = PathInfo {
                registered: When::from_unix(time),
                nar_size,
                ultimate,
                deriver: deriver.then(|| vector().path),
                signatures,
                content_address: address,
                ..vector()
            };
            let mut out = Encoder::new();
            encode_path_info(&info, &mut out);
            prop_assert_eq!(read(&out).unwrap(), InfoReply::Valid(info));
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0_usize..400) {
            let mut out = Encoder::new();
            encode_path_info(&vector(), &mut out);
            let mut all = out.bytes().to_vec();
            all.truncate(cut);
            all.extend(bytes);
            let _ = now(read_path_info(&mut Reader::new(&all[..]), &vector().path));
        }
    }
}
