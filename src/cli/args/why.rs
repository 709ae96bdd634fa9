//! Arguments of `why`.
//!
//! In: arguments. Out: [`Why`].

use clap::{ArgGroup, Args as ClapArgs, ValueHint};
use std::net::IpAddr;
use std::path::PathBuf;

/// Arguments of `why`.
#[derive(Debug, ClapArgs)]
#[command(group(ArgGroup::new("who").multiple(true)))]
pub(crate) struct Why {
    /// A configured name, an address, or local.
    pub(crate) server: String,
    /// A store path, its base name, its hash part, or its name where only one path has it.
    pub(crate) path: String,
    /// Check the whole way of the client with this key: a fingerprint, a comment, a public key file, or a certificate.
    #[arg(long = "for", value_name = "KEY", group = "who")]
    pub(crate) client: Option<String>,
    /// The address that the client connects from, for a key that is limited to some; by default the last one seen.
    #[arg(long, value_name = "ADDRESS", requires = "who")]
    pub(crate) from: Option<IpAddr>,
    /// Also compare the contents of the path and its closure with their hashes.
    #[arg(long, requires = "who")]
    pub(crate) contents: bool,
    /// Try it from this machine: copy the path with the key of --key into a temporary store, which is removed afterwards.
    #[arg(long = "try", requires = "key")]
    pub(crate) attempt: bool,
    /// The client's private key file for --try, and the certificate FILE-cert.pub beside it if there is one; without --for it also selects the client.
    #[arg(long, value_name = "FILE", requires = "attempt", group = "who", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
}
