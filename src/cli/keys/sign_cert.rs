//! `keys SERVER sign-cert`.
//!
//! In: a public key, an authority's key of this machine or its agent, and what the certificate is to say. Out: a plan that is carried out: the
//! certificate in a file here, and a record on the server.

use super::super::args::access::SignCert;
use super::super::error::{CliError, Kind};
use super::super::given;
use super::super::out::Out;
use super::super::session::Session;
use super::{change, refuse};
use crate::change::access::{About, SignCertRequest, serial, sign_cert};
use crate::domain::ssh_key::PublicSshKey;
use crate::domain::{Explain as _, When, notice};
use crate::judge::hygiene;
use crate::link::certify::{Terminal, ca_key};
use std::path::{Path, PathBuf};

/// Runs it.
pub(super) async fn run(session: &Session, args: &SignCert, out: &mut Out) -> Result<u8, CliError> {
    let (key, _) = given::key(&args.file, None)?;
    refuse(&key, &hygiene::of_key(&key))?;
    let Some(expires) = args.expires.from(When::now()) else {
        return Err(CliError::new(
            Kind::Policy,
            notice!(
                "a certificate that never expires can't be revoked in the key files",
                "let it expire, for example --expires 30d"
            ),
        ));
    };
    let file = file(args, &key)?;
    let ca = ca_key(&args.ca, Terminal::Free).await;
    let ca = ca.map_err(|error| CliError::usage(error.notice()))?;
    let request = SignCertRequest {
        key,
        ca,
        expires,
        principals: args.principals.clone(),
        from: args.from.clone(),
        id: args.id.clone(),
        serial: serial().map_err(|error| CliError::new(Kind::Server, error.notice()))?,
        out: file,
    };
    change(
        session,
        &args.change,
        &args.accept.concerns,
        "sign-cert",
        out,
        |server, facts| {
            let reason = args.change.reason.clone();
            Ok(sign_cert(&About::of(server), facts, request, reason))
        },
    )
    .await
}

/// Where the certificate goes: `id_ed25519-cert.pub` beside `id_ed25519.pub`.
fn file(args: &SignCert, key: &PublicSshKey) -> Result<PathBuf, CliError> {
    if let Some(out) = &args.out {
        return Ok(out.clone());
    }
    if args.file == "-" {
        let print = key.fingerprint();
        return Err(CliError::usage(notice!(
            "the key {print} came from standard input, so there is no file to put its certificate beside",
            "name one with --out"
        )));
    }
    let name = args.file.strip_suffix(".pub").unwrap_or(&args.file);
    Ok(Path::new(&format!("{name}-cert.pub")).to_owned())
}
