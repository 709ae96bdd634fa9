//! Questions of the connection, put to the administrator.
//!
//! In: questions of the link. Out: dialogs, and their answers back. A secret that was right is kept for the next
//! connection of this run, so that a reconnect or the second connection does not ask again; one that may have been wrong is not.

use crate::console::app::msg::Msg;
use crate::console::backend::{Sender, lock};
use crate::console::types::ask::{Ask, AskKind};
use crate::console::types::secret::Secret;
use crate::link::{Prompter, Question};
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

type Answer = Option<Zeroizing<String>>;

/// Secrets by what they are for.
#[derive(Default)]
struct Kept {
    /// Given since the last connection that worked.
    tried: HashMap<String, Zeroizing<String>>,
    /// Used in a connection that worked.
    right: HashMap<String, Zeroizing<String>>,
}

/// Asks in the console.
pub(in crate::console) struct Prompt {
    send: Sender,
    next: AtomicU64,
    open: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    kept: Mutex<Kept>,
}

impl Prompt {
    pub(super) fn new(send: Sender) -> Self {
        Self {
            send,
            next: AtomicU64::new(1),
            open: Mutex::default(),
            kept: Mutex::default(),
        }
    }

    /// Hands an answer to the task that waits for it.
    pub(super) fn answer(&self, id: u64, answer: Option<Secret>) {
        if let Some(waiting) = lock(&self.open).remove(&id) {
            let _ = waiting.send(answer.map(|mut answer| answer.take()));
        }
    }

    /// A connection works: what was tried for it was right.
    pub(super) fn worked(&self) {
        let mut kept = lock(&self.kept);
        let tried = std::mem::take(&mut kept.tried);
        kept.right.extend(tried);
    }

    /// A connection did not work: nothing that was tried for it is used again.
    pub(super) fn failed(&self) {
        lock(&self.kept).tried.clear();
    }
}

/// Takes the dialog away when the question is not waited for any more.
struct Over<'a> {
    prompt: &'a Prompt,
    id: u64,
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        if lock(&self.prompt.open).remove(&self.id).is_some() {
            let _ = self.prompt.send.send(Msg::AskOver(self.id));
        }
    }
}

impl Prompter for Prompt {
    fn ask(&self, question: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let name = secret_of(&question);
            if let Some(name) = &name {
                let mut kept = lock(&self.kept);
                // Taken out: if it is wrong after all, the next question goes to the person.
                if let Some(secret) = kept.right.remove(name) {
                    kept.tried.insert(name.clone(), secret.clone());
                    return Some(secret);
                }
            }
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            let (send, receive) = oneshot::channel();
            lock(&self.open).insert(id, send);
            let over = Over { prompt: self, id };
            let _ = self.send.send(Msg::Ask(dialog(id, question)));
            let answer = receive.await.ok().flatten();
            drop(over);
            if let (Some(name), Some(secret)) = (name, &answer) {
                lock(&self.kept).tried.insert(name, secret.clone());
            }
            answer
        })
    }
}

/// What a secret is kept under; answers to the server's own questions may be good only once.
fn secret_of(question: &Question) -> Option<String> {
    match question {
        Question::Passphrase { file } => Some(format!("passphrase {file}")),
        Question::Password { user, host } => Some(format!("password {user}@{host}")),
        Question::UnknownHost { .. } | Question::Interactive { .. } => None,
    }
}

fn dialog(id: u64, question: Question) -> Ask {
    match question {
        Question::UnknownHost {
            host,
            key_type,
            fingerprint,
            note,
        } => {
            let mut lines = vec![
                format!("No known_hosts file knows {host}. It shows this key:"),
                format!("{key_type} {fingerprint}"),
                "Compare it with what the server's owner says, or with ssh-keygen -lf on the server's /etc/ssh/ssh_host_*_key.pub.".to_owned(),
            ];
            lines.extend(note);
            Ask {
                id,
                title: "Unknown host".to_owned(),
                lines,
                prompt: "type yes to trust it from now on:".to_owned(),
                kind: AskKind::Yes,
            }
        }
        Question::Passphrase { file } => Ask {
            id,
            title: "Passphrase".to_owned(),
            lines: vec![format!("The key {file} is encrypted.")],
            prompt: "passphrase:".to_owned(),
            kind: AskKind::Secret,
        },
        Question::Password { user, host } => Ask {
            id,
            title: "Password".to_owned(),
            lines: vec![format!("{host} asks for the password of {user}.")],
            prompt: "password:".to_owned(),
            kind: AskKind::Secret,
        },
        Question::Interactive {
            name,
            instructions,
            prompt,
            echo,
        } => Ask {
            id,
            title: if name.is_empty() {
                "The server asks".to_owned()
            } else {
                name
            },
            lines: if instructions.is_empty() {
                vec![]
            } else {
                vec![instructions]
            },
            prompt: prompt.trim_end().to_owned(),
            kind: if echo { AskKind::Text } else { AskKind::Secret },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    fn passphrase() -> Question {
        Question::Passphrase {
            file: "k".to_owned(),
        }
    }

    async fn given(
        prompt: &Prompt,
        receive: &mut mpsc::UnboundedReceiver<Msg>,
        text: &str,
    ) -> Answer {
        let question = prompt.ask(passphrase());
        let typed = async {
            let Some(Msg::Ask(ask)) = receive.recv().await else {
                panic!("no question");
            };
            let mut secret = Secret::new();
            text.chars().for_each(|c| secret.push(c));
            prompt.answer(ask.id, Some(secret));
        };
        tokio::join!(question, typed).0
    }

    #[tokio::test]
    async fn only_what_was_right_is_kept() {
        let (send, mut receive) = mpsc::unbounded_channel();
        let prompt = Prompt::new(send);
        assert_eq!(
            given(&prompt, &mut receive, "wrong")
                .await
                .unwrap()
                .as_str(),
            "wrong"
        );
        prompt.failed();
        assert_eq!(
            given(&prompt, &mut receive, "right")
                .await
                .unwrap()
                .as_str(),
            "right"
        );
        prompt.worked();
        assert_eq!(prompt.ask(passphrase()).await.unwrap().as_str(), "right");
        // It did not work this time: the person is asked again.
        prompt.failed();
        assert_eq!(
            given(&prompt, &mut receive, "new").await.unwrap().as_str(),
            "new"
        );
        assert!(receive.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_question_that_is_given_up_closes_its_dialog() {
        let (send, mut receive) = mpsc::unbounded_channel();
        let prompt = Prompt::new(send);
        let wait = std::time::Duration::from_millis(20);
        assert!(
            tokio::time::timeout(wait, prompt.ask(passphrase()))
                .await
                .is_err()
        );
        let Some(Msg::Ask(ask)) = receive.recv().await else {
            panic!("no question");
        };
        assert!(matches!(receive.recv().await, Some(Msg::AskOver(id)) if id == ask.id));
        prompt.answer(ask.id, None);
    }
}
