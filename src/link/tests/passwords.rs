//! What sshd needs PAM for: passwords and questions, asked by a server of russh's own. It also tries what no server should.

use std::borrow::Cow;
use std::sync::Mutex;

use russh::keys::{Algorithm, PrivateKey};
use russh::server::{Auth, Config, Handle, Handler, Msg, Response, Session};
use russh::{Channel, ChannelId, MethodKind, MethodSet};

use super::rig::*;
use crate::link::*;

#[derive(Clone, Default)]
struct Server {
    methods: Vec<MethodKind>,
    /// Set when a command runs: the way to talk back.
    running: Arc<Mutex<Option<Handle>>>,
    asked: Arc<Mutex<usize>>,
    /// So many questions in each round of keyboard-interactive, and no end of rounds.
    endless: Option<usize>,
}

impl Handler for Server {
    type Error = russh::Error;

    async fn auth_password(&mut self, _user: &str, password: &str) -> Result<Auth, russh::Error> {
        *self.asked.lock().unwrap() += 1;
        Ok(match password {
            "right" => Auth::Accept,
            // As sshd does: the same method may be tried again.
            _ => Auth::Reject {
                proceed_with_methods: Some(MethodSet::from(self.methods.as_slice())),
                partial_success: false,
            },
        })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let answers: Vec<Vec<u8>> = response
            .into_iter()
            .flatten()
            .map(|answer| answer.to_vec())
            .collect();
        if let Some(prompts) = self.endless {
            *self.asked.lock().unwrap() += 1;
            return Ok(Auth::Partial {
                name: "x".repeat(10_000).into(),
                instructions: "x".repeat(10_000).into(),
                prompts: vec![("Again: ".into(), false); prompts].into(),
            });
        }
        Ok(match answers.as_slice() {
            [] => Auth::Partial {
                name: "One\u{1b}[2Jtime".into(),
                instructions: "look at the token".into(),
                prompts: Cow::Owned(vec![("Code: ".into(), false), ("Name: ".into(), true)]),
            },
            [code, name] if code == b"123456" && name == b"me" => Auth::Accept,
            _ => Auth::reject(),
        })
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: russh::server::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _line: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        *self.running.lock().unwrap() = Some(session.handle());
        session.channel_success(channel)?;
        session.data(channel, "ok\n")?;
        session.exit_status_request(channel, 0)?;
        session.eof(channel)?;
        session.close(channel)
    }
}

/// Serves every connection; the options lead there and accept the new host key.
async fn serve(server: Server) -> (Options, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap();
    let config = Arc::new(Config {
        methods: MethodSet::from(server.methods.as_slice()),
        auth_rejection_time: Duration::from_millis(1),
        keys: vec![key],
        ..Config::default()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (config, server) = (config.clone(), server.clone());
            tokio::spawn(async move {
                if let Ok(session) = russh::server::run_stream(config, stream, server).await {
                    let _ = session.await;
                }
            });
        }
    });
    let file = dir.path().join("config");
    std::fs::write(
        &file,
        "IdentityAgent none\nIdentityFile none\nStrictHostKeyChecking accept-new\n",
    )
    .unwrap();
    let options = Options {
        name: format!("ssh://me@127.0.0.1:{port}"),
        known_hosts: Some(dir.path().join("known_hosts")),
        ssh_config: Some(file),
        ..Options::default()
    };
    (options, dir)
}

#[tokio::test]
async fn a_password_is_asked_for_and_remembered() {
    let server = Server {
        methods: vec![MethodKind::Password],
        ..Server::default()
    };
    let (options, _dir) = serve(server.clone()).await;
    let place = resolve(&options).await.unwrap();
    let person = Person::saying(&["wrong", "right"]);
    let prompter: Arc<dyn Prompter> = person.clone();
    let first = Link::open(&place, &prompter).await.unwrap();
    let second = first.beside(&place, &prompter).await.unwrap();
    assert_eq!((first.used_key(), second.used_key()), (None, None));
    assert_eq!(output(&second, &Command::script("x")).await.stdout, b"ok\n");
    let question = Question::Password {
        user: "me".into(),
        host: "127.0.0.1".into(),
    };
    assert_eq!(person.asked(), [question.clone(), question]);

    // Three wrong ones are enough, and nobody there is no password.
    *server.asked.lock().unwrap() = 0;
    let error = open(&options, &Person::saying(&["a", "b", "c", "right"]))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), *server.asked.lock().unwrap()),
        (ErrorKind::Auth, 3)
    );
    let error = open(&options, &Person::saying(&[])).await.unwrap_err();
    assert_eq!(
        (error.kind(), *server.asked.lock().unwrap()),
        (ErrorKind::Auth, 3)
    );
    assert!(
        error.to_string().contains("it would accept password"),
        "{error}"
    );
}

#[tokio::test]
async fn questions_of_the_server_come_before_a_password() {
    let (options, _dir) = serve(Server {
        methods: vec![MethodKind::Password, MethodKind::KeyboardInteractive],
        ..Server::default()
    })
    .await;
    let person = Person::saying(&["123456", "me"]);
    open(&options, &person).await.unwrap();
    let asked = person.asked();
    assert_eq!(asked.len(), 2);
    let Question::Interactive {
        name, prompt, echo, ..
    } = &asked[0]
    else {
        panic!("{asked:?}")
    };
    assert!(!name.contains('\u{1b}') && prompt.starts_with("Code") && !echo);

    let error = open(
        &options,
        &Person::saying(&["1", "me", "2", "me", "3", "me"]),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
}

#[tokio::test]
async fn questions_without_end_are_not_answered_without_end() {
    for prompts in [0, 1, 1000] {
        let server = Server {
            methods: vec![MethodKind::KeyboardInteractive],
            endless: Some(prompts),
            ..Server::default()
        };
        let (options, _dir) = serve(server.clone()).await;
        let person = Person::saying(&["x"; 100]);
        let error = open(&options, &person).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
        assert!(
            error.to_string().contains("asked questions without end"),
            "{error}"
        );
        assert!(*server.asked.lock().unwrap() <= 21);
        let asked = person.asked();
        assert!(asked.len() <= 20);
        for question in asked {
            assert!(format!("{question:?}").len() < 1000);
        }
    }
}

#[tokio::test]
async fn a_server_may_open_nothing_towards_us() {
    let server = Server {
        methods: vec![MethodKind::Password],
        ..Server::default()
    };
    let (options, _dir) = serve(server.clone()).await;
    let link = open(&options, &Person::saying(&["right"])).await.unwrap();
    output(&link, &Command::script("x")).await;
    let back = server.running.lock().unwrap().take().unwrap();
    assert!(
        back.channel_open_forwarded_tcpip("127.0.0.1", 22, "127.0.0.1", 1)
            .await
            .is_err()
    );
    assert!(
        back.channel_open_forwarded_streamlocal("/agent")
            .await
            .is_err()
    );
    assert!(back.channel_open_agent().await.is_err());
    assert!(back.channel_open_x11("127.0.0.1", 1).await.is_err());
    assert!(back.channel_open_session().await.is_err());
    assert_eq!(output(&link, &Command::script("x")).await.stdout, b"ok\n");
}
