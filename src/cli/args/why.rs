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
    /// Go through the whole way of the client with this key: a fingerprint, a comment, a public key file, or a certificate.
    #[arg(long = "for", value_name = "KEY", group = "who")]
    pub(crate) client: Option<String>,
    /// Where that client connects from, for a key that is limited to some addresses; by default where it was seen last.
    #[arg(long, value_name = "ADDRESS", requires = "who")]
    pub(crate) from: Option<IpAddr>,
    /// Compare the contents of the path and of all that it needs with their hashes, too.
    #[arg(long, requires = "who")]
    pub(crate) contents: bool,
    /// Do it for real from this machine: copy the path into a temporary store, with the key of --key, and remove that.
    #[arg(long = "try", requires = "key")]
    pub(crate) attempt: bool,
    /// The private key file of the client for --try, with the certificate FILE-cert.pub where there is one; without --for it says which client.
    #[arg(long, value_name = "FILE", requires = "attempt", group = "who", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
}
