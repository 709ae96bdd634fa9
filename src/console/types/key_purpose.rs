//! What a signing key is chosen for.

/// What a signing key is chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPurpose {
    /// Another one signs what only it has signed.
    Rotate,
    /// Its signatures are taken away.
    Strip,
}
