//! Answers to the questions that come up while connecting.
//!
//! In: a question of the link. Out: the typed answer, or none without a terminal. All text in a question has passed
//! the sanitizer already.

use super::out::say;
use super::terminal::ask;
use crate::link::{Prompter, Question};
use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

/// Asks on the terminal of this process.
pub(super) struct Terminal;

impl Prompter for Terminal {
    fn ask(&self, question: Question) -> BoxFuture<'_, Option<Zeroizing<String>>> {
        Box::pin(async {
            // Typing blocks a thread, and other connections go on meanwhile.
            tokio::task::spawn_blocking(move || put(&question))
                .await
                .ok()
                .flatten()
        })
    }
}

fn put(question: &Question) -> Option<Zeroizing<String>> {
    match question {
        Question::UnknownHost {
            host,
            key_type,
            fingerprint,
            note,
        } => {
            let mut text =
                format!("The host {host} is not known. Its {key_type} key is\n  {fingerprint}");
            if let Some(note) = note {
                text.push_str("\nNote: ");
                text.push_str(note);
            }
            text.push_str("\nCompare it with the fingerprint from the server's owner. Type yes to trust it from now on: ");
            ask(&text, true)
        }
        Question::Passphrase { file } => ask(&format!("Passphrase for {file}: "), false),
        Question::Password { user, host } => ask(&format!("Password of {user} on {host}: "), false),
        Question::Interactive {
            name,
            instructions,
            prompt,
            echo,
        } => {
            for text in [name, instructions] {
                if !text.is_empty() && super::out::is_interactive() {
                    say(text);
                }
            }
            ask(&format!("{} ", prompt.trim_end()), *echo)
        }
    }
}
