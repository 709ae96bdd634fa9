//! Who may read the demo cache: its key file, its sshd's settings and log, and the requests that wait.
//!
//! In: the moment that the demo's times count back from, and the folder to write to. Out: files in the forms of `sshd(8)` and of
//! the queue of requests, with keys that are the same in each demo, and the stand-in for `sshd`, so that nothing of this
//! machine's own sshd is asked or shown.

use super::random::{Purpose, Random};
use crate::domain::When;
use crate::domain::key_request::{Request, RevokedKey, Source};
use crate::domain::ssh_key::PublicSshKey;
use base64::Engine as _;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The cache user of the demo, which no machine has.
pub(super) const CACHE_USER: &str = "storekeeper-demo-cache";

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// In how long a key ends.
const SOON: i64 = 5 * DAY;

/// A key of the demo, by its number.
struct Owned {
    seed: u8,
    owner: &'static str,
}

const ADA: Owned = Owned {
    seed: 1,
    owner: "ada@laptop",
};
const CI: Owned = Owned {
    seed: 2,
    owner: "ci-3",
};
const BOB: Owned = Owned {
    seed: 3,
    owner: "bob@desk",
};
const BUILDER: Owned = Owned {
    seed: 4,
    owner: "build-box",
};
const OLD: Owned = Owned {
    seed: 5,
    owner: "mei@old-laptop",
};
const MEI: Owned = Owned {
    seed: 6,
    owner: "mei@laptop",
};
const LOST: Owned = Owned {
    seed: 7,
    owner: "zoe@phone",
};

impl Owned {
    fn key(&self) -> io::Result<PublicSshKey> {
        let point = ed25519_dalek::SigningKey::from_bytes(&[self.seed; 32]).verifying_key();
        // RFC 8709, section 4: the algorithm and the point.
        parse("ssh-ed25519", &[point.as_bytes()], self.owner)
    }
}

/// An RSA key of 1024 bits, which no sshd should accept. Nobody has its other half.
fn weak() -> io::Result<PublicSshKey> {
    let mut modulus = Random::new(1, Purpose::SigningKey, 99).bytes::<128>();
    modulus[0] |= 0x80;
    modulus[127] |= 1;
    // RFC 4253, section 6.6: the exponent and the modulus, as numbers that are not negative.
    let mut number = vec![0];
    number.extend_from_slice(&modulus);
    parse("ssh-rsa", &[&[1, 0, 1], &number], "admin@old-nas")
}

/// Puts a public key together (RFC 4251, section 5: each part behind its length).
fn parse(algorithm: &str, parts: &[&[u8]], comment: &str) -> io::Result<PublicSshKey> {
    let mut blob = Vec::new();
    for part in std::iter::once(algorithm.as_bytes()).chain(parts.iter().copied()) {
        let length = u32::try_from(part.len()).map_err(io::Error::other)?;
        blob.extend_from_slice(&length.to_be_bytes());
        blob.extend_from_slice(part);
    }
    let data = base64::engine::general_purpose::STANDARD.encode(blob);
    PublicSshKey::parse(&format!("{algorithm} {data} {comment}")).map_err(io::Error::other)
}

/// `YYYYMMDDHHMMSSZ`, as `expiry-time` takes it.
fn expiry(at: When) -> String {
    at.to_string()
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == 'Z')
        .collect()
}

fn before(epoch: When, seconds: i64) -> When {
    When::from_unix(epoch.unix() - seconds)
}

/// Writes the key file, the log and the queue below the state folder.
pub(super) fn fill(state: &Path, epoch: When) -> io::Result<()> {
    fs::write(state.join("authorized_keys"), readers(epoch)?)?;
    fs::write(state.join("auth.log"), log(epoch)?)?;
    let queue = state.join("requests");
    for folder in ["waiting", "approved", "denied", "revoked"] {
        fs::create_dir_all(queue.join(folder))?;
    }
    let waiting = queue.join("waiting");
    let knocks = [
        (MEI.key()?, 4_u64, 6 * HOUR, 12 * MINUTE),
        (weak()?, 2, 3 * DAY, 2 * DAY),
    ];
    for (key, tries, first, last) in knocks {
        let request = Request::new(key, Source::Knock, CACHE_USER, before(epoch, first));
        let mut content = request.to_json().map_err(io::Error::other)?;
        // Each further try is one more empty line, and the file's time is that of the last one.
        content.resize(content.len() + tries as usize - 1, b'\n');
        write_at(
            &waiting.join(request.file_name()),
            &content,
            before(epoch, last),
        )?;
    }
    let pasted = Request::new(LOST.key()?, Source::Paste, CACHE_USER, before(epoch, DAY));
    let content = pasted.to_json().map_err(io::Error::other)?;
    write_at(
        &waiting.join(pasted.file_name()),
        &content,
        before(epoch, DAY),
    )?;
    let revoked = RevokedKey {
        fingerprint: pasted.key.fingerprint(),
        comment: LOST.owner.to_owned(),
        at: before(epoch, 40 * DAY),
        by: "root via ada@laptop".to_owned(),
        reason: "the phone was lost".to_owned(),
    };
    let content = serde_json::to_vec(&revoked)?;
    fs::write(queue.join("revoked").join(pasted.file_name()), content)
}

fn write_at(file: &Path, content: &[u8], at: When) -> io::Result<()> {
    fs::write(file, content)?;
    let seconds = Duration::from_secs(u64::try_from(at.unix()).unwrap_or(0));
    File::options()
        .append(true)
        .open(file)?
        .set_modified(SystemTime::UNIX_EPOCH + seconds)
}

/// The readers' lines (format: `sshd(8)`).
fn readers(epoch: When) -> io::Result<String> {
    let soon = expiry(before(epoch, -SOON));
    let lines = [
        ("restrict ".to_owned(), ADA),
        ("restrict,from=\"10.2.0.0/16\" ".to_owned(), CI),
        (format!("restrict,expiry-time=\"{soon}\" "), BOB),
        (String::new(), BUILDER),
        ("restrict,expiry-time=\"20200220Z\" ".to_owned(), OLD),
    ];
    let mut text = String::from("# Who may read the demo cache.\n");
    for (options, owned) in lines {
        let line = owned.key()?.line();
        text.push_str(&options);
        text.push_str(String::from_utf8_lossy(&line).trim_end());
        text.push('\n');
    }
    Ok(text)
}

/// sshd's log at `LogLevel VERBOSE`, back to 90 days ago.
fn log(epoch: When) -> io::Result<String> {
    let ed25519 = |owned: Owned| {
        let fingerprint = owned.key()?.fingerprint();
        Ok::<_, io::Error>(format!("ED25519 {fingerprint}"))
    };
    let weak = format!("RSA {}", weak()?.fingerprint());
    let (accepted, failed) = ("Accepted", "Failed");
    let mut entries = vec![
        (90 * DAY, accepted, ed25519(OLD)?, "10.2.0.9"),
        (12 * DAY, accepted, ed25519(BOB)?, "10.2.0.31"),
        (2 * DAY, failed, weak.clone(), "10.2.7.80"),
        (2 * DAY - MINUTE, failed, weak, "10.2.7.80"),
        (5 * HOUR, accepted, ed25519(BUILDER)?, "10.2.0.12"),
        (40 * MINUTE, accepted, ed25519(ADA)?, "10.2.0.7"),
        (4 * MINUTE, accepted, ed25519(CI)?, "10.2.0.40"),
    ];
    let mei = ed25519(MEI)?;
    entries.extend(
        [6 * HOUR, 2 * HOUR, HOUR, 12 * MINUTE].map(|ago| (ago, failed, mei.clone(), "10.2.0.9")),
    );
    entries.sort_by_key(|(ago, ..)| std::cmp::Reverse(*ago));
    let mut text = String::new();
    for (pid, (ago, verdict, key, address)) in (4711..).zip(entries) {
        let at = before(epoch, ago);
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "{at} cache sshd[{pid}]: {verdict} publickey for {CACHE_USER} from {address} port {port} ssh2: {key}",
            port = 40_000 + pid,
        );
    }
    Ok(text)
}

/// `sshd`: without arguments it is the process under which a client's command runs, as that of a real server is, so that
/// the search for the sshd of a connection ends here. Else it tells its settings (`-T`, sshd(8)) or its version. The daemon of
/// its sessions is at `socket`; only the public half of `host_key` is a file.
pub(super) fn sshd(key_file: &str, socket: &str, host_key: &str) -> String {
    format!(
        r#"if [ $# -eq 0 ]; then
  /bin/sh -c "$SSH_ORIGINAL_COMMAND"
  status=$?
  if [ "$status" -gt 128 ]; then kill -"$((status - 128))" $$; fi
  exit "$status"
fi
case " $* " in
  *' -T '*) ;;
  *) echo 'OpenSSH_9.2p1, OpenSSL 3.0.17' >&2; exit 0 ;;
esac
force=none
keys={key_file}-of-root
case " $* " in *' user={CACHE_USER},'*) force='nix-store --serve' keys={key_file} ;; esac
cat <<END
pubkeyauthentication yes
passwordauthentication no
kbdinteractiveauthentication no
strictmodes yes
loglevel VERBOSE
forcecommand $force
authorizedkeysfile $keys
authorizedkeyscommand none
authorizedkeyscommanduser none
authorizedprincipalsfile none
trustedusercakeys none
revokedkeys none
chrootdirectory none
permittty no
allowtcpforwarding no
allowstreamlocalforwarding no
x11forwarding no
allowagentforwarding no
disableforwarding yes
permittunnel no
permitopen any
permitlisten any
permituserrc no
permituserenvironment no
requiredrsasize 1024
setenv NIX_REMOTE=unix://{socket}
hostkey {host_key}
END
"#
    )
}
