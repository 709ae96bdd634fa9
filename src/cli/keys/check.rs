//! `keys SERVER check`: what is this key worth?
//!
//! In: a public key. Out: what there is to say about it, and whether the server knows it already, where the server can be asked
//! without bothering anybody. Exit code 4 for a key that would be refused.

use super::super::args::access as args;
use super::super::error::{CliError, Kind};
use super::super::given;
use super::super::out::Out;
use super::super::session::Session;
use super::print_findings;
use crate::domain::ssh_key::{Fingerprint, PublicSshKey};
use crate::domain::text::visible;
use crate::judge::access::of_candidate;
use crate::judge::finding::{Finding, refuses};
use crate::judge::hygiene;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema: u8,
    fingerprint: Fingerprint,
    r#type: String,
    bits: Option<u32>,
    comment: String,
    /// Whether the server's files and lists were looked at.
    compared: bool,
    /// Why not.
    why: Option<String>,
    refused: bool,
    findings: Vec<Finding>,
}

/// Runs it.
pub(super) async fn run(
    session: &Session,
    args: &args::Check,
    out: &mut Out,
) -> Result<u8, CliError> {
    let (key, _) = given::key(&args.file, None)?;
    let (findings, why) = if args.offline {
        (hygiene::of_key(&key), Some("it was not asked".to_owned()))
    } else {
        match Box::pin(compare(session, &key)).await {
            Ok(findings) => (findings, None),
            // A wrong address or a signal is nothing that the key could be judged in spite of.
            Err(
                error @ (CliError::Closed
                | CliError::Message {
                    kind: Kind::Usage | Kind::Interrupted,
                    ..
                }),
            ) => return Err(error),
            Err(error) => (hygiene::of_key(&key), Some(error.to_string())),
        }
    };
    let document = Document {
        schema: 1,
        fingerprint: key.fingerprint(),
        r#type: visible(key.algorithm()).into_owned(),
        bits: key.bits(),
        comment: visible(&key.comment()).into_owned(),
        compared: why.is_none(),
        why,
        refused: refuses(&findings),
        findings,
    };
    if out.json() {
        out.document(&document)?;
    } else {
        text(&document, &key, out)?;
    }
    Ok(if document.refused {
        Kind::Policy.code()
    } else {
        0
    })
}

/// What there is to say with the server's files at hand.
async fn compare(session: &Session, key: &PublicSshKey) -> Result<Vec<Finding>, CliError> {
    let server = session.connect_unasked().await?;
    let facts = server.access().await;
    server.link().close().await;
    Ok(of_candidate(&facts?, key))
}

fn text(document: &Document, key: &PublicSshKey, out: &mut Out) -> Result<(), CliError> {
    let bits = document.bits.map(|bits| format!(" {bits}"));
    out.line(&format!(
        "{}{} {}",
        key.short_type(),
        bits.unwrap_or_default(),
        document.fingerprint
    ))?;
    if !document.comment.is_empty() {
        out.line(&format!("  {}  (the key's own comment)", document.comment))?;
    }
    print_findings(&document.findings, "  ", out)?;
    if let Some(why) = &document.why {
        out.line(&format!("  ? not compared with the server's keys: {why}"))?;
    }
    let verdict = if document.refused {
        "would be refused"
    } else {
        "may be authorized"
    };
    out.line(&format!("  {verdict}"))
}
