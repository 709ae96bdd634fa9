//! Nix's daemon, as a session of the cache user finds it.
//!
//! In: the server room fills it in. Out: plain data for `judge`.

/// Whether it answers. The texts are fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheDaemon {
    /// The session opens the store itself.
    NotNeeded,
    /// It has shaken hands at this socket.
    Answers {
        /// The socket's path.
        socket: String,
    },
    /// It has not.
    Silent {
        /// The socket's path.
        socket: String,
        /// What there is instead: a clause.
        why: String,
    },
}
