//! The field's words, parsed once: store paths, path infos, signatures, keys, trust, sizes and times.
//!
//! In: bytes and text from servers, files and arguments. Out: values that are valid by construction,
//! which every other room passes on without looking at them again. No input or output happens here.

pub mod access;
pub mod alike;
pub mod authorities;
pub mod authorized_keys;
pub mod auto_sign;
pub mod budget;
pub mod bytes;
pub mod cache_daemon;
pub mod content_address;
pub mod count;
pub mod csv;
pub mod fact;
pub mod file_name;
pub mod installable;
pub mod key_request;
pub mod login_line;
pub mod nearest;
pub mod nix32;
pub mod notice;
pub mod overflow;
pub mod path_info;
pub mod path_list;
pub mod pattern;
pub mod pin;
pub mod plain;
pub mod policy_run;
pub mod proof;
pub mod randomart;
pub mod remedy;
pub mod revocation;
pub mod roots;
pub mod server_facts;
pub mod signature;
pub mod signed_row;
pub mod space;
pub mod ssh_key;
pub mod sshd_log;
pub mod store_path;
pub mod text;
pub mod threshold;
pub mod thresholds;
mod timer_state;
pub mod trust;
pub mod two_persons;
pub mod unfinished;
pub mod verify;
pub mod when;

pub use budget::{Budget, TooLarge};
pub use bytes::Bytes;
pub use content_address::ContentAddress;
pub use fact::{Fact, Unknown};
pub(crate) use notice::notice;
pub use notice::{Explain, Notice};
pub use path_info::{NarHash, PathInfo, SignedPath};
pub use path_list::PathList;
pub use remedy::Remedy;
pub use signature::{KeyName, PublicKey, Signature, SigningKey};
pub use store_path::StorePath;
pub use threshold::Threshold;
pub use thresholds::Thresholds;
pub use trust::{Assessment, KeyRing, Role, TrustClass, Verdict};
pub use when::{Age, When};
