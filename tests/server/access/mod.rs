//! Who may log in: keys, the file that they are in, requests, the knock.

mod cli;
mod inetd;
mod key_file;
mod key_file_kept;
mod keys;
mod knock;
