//! Logging in: keys first, then what a person can answer.
//!
//! In: a connection whose host is verified. Out: the fingerprint of the key that was accepted, or one error that lists what was
//! tried. Order: `keys::offers`, keyboard-interactive, password. Passphrases and passwords are asked for at most three times.

use std::future::Future;
use std::time::Duration;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{Algorithm, HashAlg};
use russh::{MethodKind, MethodSet};

use super::agent::{Agent, AgentKey};
use super::clock::Clock;
use super::error::{LinkError, appended, sentence};
use super::guard::Guard;
use super::keys::{self, Candidate};
use super::prompt::{Prompter, Question};
use super::signing::Signing;
use super::target::{AgentAt, SshTarget};

/// How long the server may take over a whole login, without the time in which a person is asked: sshd itself hangs up after
/// two minutes (`LoginGraceTime`), and counts that time.
const PATIENCE: Duration = Duration::from_secs(150);
const TRIES: usize = 3;
/// A server asks a handful of questions, not without end.
const MOST_PROMPTS: usize = 20;
/// Rounds of keyboard-interactive in one login. One may have no question at all: PAM tells something in this way.
const MOST_ROUNDS: usize = 20;

struct Login<'a> {
    handle: &'a mut Handle<Guard>,
    target: &'a SshTarget,
    prompter: &'a Clock<'a>,
    agent: Option<Agent>,
    tried: Vec<String>,
    hints: Vec<String>,
    /// What the server would still accept; `None` before it said so.
    methods: Option<MethodSet>,
    /// What is left of [`PATIENCE`].
    left: Duration,
}

pub(super) async fn authenticate(
    handle: &mut Handle<Guard>,
    target: &SshTarget,
    prompter: &dyn Prompter,
) -> Result<Option<String>, LinkError> {
    let clock = Clock::new(prompter);
    let mut login = Login {
        handle,
        target,
        prompter: &clock,
        agent: None,
        tried: Vec::new(),
        hints: Vec::new(),
        methods: None,
        left: PATIENCE,
    };
    login.run().await
}

impl Login<'_> {
    async fn run(&mut self) -> Result<Option<String>, LinkError> {
        if self.target.methods.public_key {
            let held = self.agent_keys().await;
            let offers = keys::offers(self.target, &held)?;
            self.hints.extend(offers.hints);
            for candidate in offers.candidates {
                if !self.may(MethodKind::PublicKey) || self.handle.is_closed() {
                    break;
                }
                if let Some(fingerprint) = self.offer(&candidate).await? {
                    return Ok(Some(fingerprint));
                }
            }
        }
        if self.methods.is_none() && !self.handle.is_closed() {
            let user = self.target.user.clone();
            let asked = self.handle.authenticate_none(user);
            let result = within(self.target, self.prompter, &mut self.left, asked)
                .await?
                .map_err(|error| self.broken(&error))?;
            if self.took(&result) {
                return Ok(None);
            }
        }
        if self.target.methods.keyboard_interactive
            && self.may(MethodKind::KeyboardInteractive)
            && self.keyboard_interactive().await?
        {
            return Ok(None);
        }
        if self.target.methods.password && self.may(MethodKind::Password) && self.password().await?
        {
            return Ok(None);
        }
        Err(self.refused())
    }

    fn may(&self, method: MethodKind) -> bool {
        !self.handle.is_closed()
            && self
                .methods
                .as_ref()
                .is_none_or(|methods| methods.contains(&method))
    }

    /// Notes what the server said; true when it let us in.
    fn took(&mut self, result: &AuthResult) -> bool {
        match result {
            AuthResult::Success => true,
            AuthResult::Failure {
                remaining_methods, ..
            } => {
                // russh answers with an empty list when the connection is gone.
                if !self.handle.is_closed() {
                    self.methods = Some(remaining_methods.clone());
                }
                false
            }
        }
    }

    async fn agent_keys(&mut self) -> Vec<AgentKey> {
        let agent = match &self.target.agent {
            AgentAt::None => return Vec::new(),
            AgentAt::Environment if std::env::var_os("SSH_AUTH_SOCK").is_none() => {
                return Vec::new();
            }
            AgentAt::Environment => Agent::connect().await,
            AgentAt::Socket(path) => Agent::connect_to(path).await,
        };
        // An agent that does not work is a hint, not an end: there may be files.
        let agent = match agent {
            Ok(agent) => agent,
            Err(error) => {
                self.hints.push(error.to_string());
                return Vec::new();
            }
        };
        if let Some(binding) = self.handle.agent_session_binding() {
            agent.bind(binding).await;
        }
        let keys = agent.identities().await.unwrap_or_else(|error| {
            self.hints.push(error.to_string());
            Vec::new()
        });
        self.agent = Some(agent);
        keys
    }

    /// Offers one key. The fingerprint when it was accepted.
    async fn offer(&mut self, candidate: &Candidate) -> Result<Option<String>, LinkError> {
        self.tried.push(candidate.label.clone());
        let mut signer = Signing {
            agent: self.agent.as_ref(),
            target: self.target,
            prompter: self.prompter,
            signer: candidate.signer.clone(),
        };
        let public = match &candidate.public {
            Some(public) => public.clone(),
            None => match signer.secret().await {
                Ok(key) => key.public_key().clone(),
                Err(error) => {
                    self.hints.push(error.to_string());
                    return Ok(None);
                }
            },
        };
        let hash = match public.algorithm() {
            Algorithm::Rsa { .. } => {
                match within(
                    self.target,
                    self.prompter,
                    &mut self.left,
                    self.handle.best_supported_rsa_hash(),
                )
                .await?
                {
                    Ok(Some(None)) => {
                        self.hints.push(format!(
                            "{}: the server takes RSA keys only with SHA-1, which is not safe",
                            candidate.label
                        ));
                        return Ok(None);
                    }
                    Ok(Some(hash)) => hash,
                    _ => Some(HashAlg::Sha512),
                }
            }
            _ => None,
        };
        let user = self.target.user.clone();
        let result = match &candidate.certificate {
            Some(certificate) => {
                let asked = self.handle.authenticate_certificate_with(
                    user,
                    (**certificate).clone(),
                    hash,
                    &mut signer,
                );
                within(self.target, self.prompter, &mut self.left, asked).await?
            }
            None => {
                within(
                    self.target,
                    self.prompter,
                    &mut self.left,
                    self.handle.authenticate_publickey_with(
                        user,
                        public.clone(),
                        hash,
                        &mut signer,
                    ),
                )
                .await?
            }
        };
        match result {
            Ok(result) if self.took(&result) => {
                Ok(Some(public.fingerprint(HashAlg::Sha256).to_string()))
            }
            Ok(AuthResult::Failure {
                partial_success: true,
                ..
            }) => {
                self.hints.push(format!(
                    "{} was accepted, but is not enough",
                    candidate.label
                ));
                Ok(None)
            }
            Ok(_) => Ok(None),
            Err(error) => {
                self.hints.push(error.0.to_string());
                Ok(None)
            }
        }
    }

    /// The server's own questions. True when that let us in.
    async fn keyboard_interactive(&mut self) -> Result<bool, LinkError> {
        let (mut prompts_left, mut rounds_left) = (MOST_PROMPTS, MOST_ROUNDS);
        for _ in 0..TRIES {
            let user = self.target.user.clone();
            let started = self
                .handle
                .authenticate_keyboard_interactive_start(user, None);
            let mut response = within(self.target, self.prompter, &mut self.left, started)
                .await?
                .map_err(|error| self.broken(&error))?;
            loop {
                let (name, instructions, prompts) = match response {
                    KeyboardInteractiveAuthResponse::Success => return Ok(true),
                    KeyboardInteractiveAuthResponse::Failure {
                        remaining_methods, ..
                    } => {
                        self.methods = Some(remaining_methods);
                        break;
                    }
                    KeyboardInteractiveAuthResponse::InfoRequest {
                        name,
                        instructions,
                        prompts,
                    } => (name, instructions, prompts),
                };
                if rounds_left == 0 || prompts.len() > prompts_left {
                    self.hints
                        .push("the server asked questions without end".into());
                    return Ok(false);
                }
                rounds_left -= 1;
                prompts_left -= prompts.len();
                let mut answers = Vec::new();
                for prompt in prompts {
                    let question = Question::Interactive {
                        name: sentence(&name),
                        instructions: sentence(&instructions),
                        prompt: sentence(&prompt.prompt),
                        echo: prompt.echo,
                    };
                    let Some(answer) = self.prompter.ask(question).await else {
                        self.hints
                            .push("the server's question was not answered".into());
                        return Ok(false);
                    };
                    answers.push(answer.to_string());
                }
                let answered = self
                    .handle
                    .authenticate_keyboard_interactive_respond(answers);
                response = within(self.target, self.prompter, &mut self.left, answered)
                    .await?
                    .map_err(|error| self.broken(&error))?;
            }
            self.tried.push("keyboard-interactive".into());
            if !self.may(MethodKind::KeyboardInteractive) {
                break;
            }
        }
        Ok(false)
    }

    /// The account's password. True when that let us in.
    async fn password(&mut self) -> Result<bool, LinkError> {
        for _ in 0..TRIES {
            let remembered = self.target.secrets.password();
            let password = if let Some(password) = remembered {
                password
            } else {
                let question = Question::Password {
                    user: self.target.user.clone(),
                    host: self.target.host.clone(),
                };
                let Some(password) = self.prompter.ask(question).await else {
                    break;
                };
                password
            };
            self.tried.push("password".into());
            let user = self.target.user.clone();
            let asked = self.handle.authenticate_password(user, password.as_str());
            let result = within(self.target, self.prompter, &mut self.left, asked)
                .await?
                .map_err(|error| self.broken(&error))?;
            if self.took(&result) {
                self.target.secrets.keep_password(Some(password));
                return Ok(true);
            }
            self.target.secrets.keep_password(None);
            if !self.may(MethodKind::Password) {
                break;
            }
        }
        Ok(false)
    }

    fn broken(&self, error: &russh::Error) -> LinkError {
        if self.tried.is_empty() {
            return LinkError::connect(
                self.target.describe(),
                format!("it broke off the login ({error})"),
            );
        }
        self.refused()
    }

    fn refused(&self) -> LinkError {
        let mut tried = self.tried.clone();
        tried.dedup();
        let mut hints = self.hints.clone();
        if self.handle.is_closed() {
            hints.push("the server closed the connection".into());
        } else if let Some(methods) = &self.methods {
            let names: Vec<&str> = methods.iter().map(<&str>::from).collect();
            hints.push(if names.is_empty() {
                "it accepts no further method".into()
            } else {
                format!("it would accept {}", names.join(", "))
            });
        }
        LinkError::Auth {
            place: self.target.describe(),
            tried: if tried.is_empty() {
                "nothing, as there is no key to offer".into()
            } else {
                tried.join(", ")
            },
            why: appended(&hints),
        }
    }
}

/// Waits for the server, as long as its time for this login lasts.
async fn within<F: Future>(
    target: &SshTarget,
    clock: &Clock<'_>,
    left: &mut Duration,
    future: F,
) -> Result<F::Output, LinkError> {
    let done = clock.within(left, future).await;
    done.ok_or_else(|| LinkError::Timeout {
        place: target.describe(),
        what: "finish the login",
        seconds: PATIENCE.as_secs(),
    })
}
