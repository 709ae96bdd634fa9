//! When store paths were last used: the access times of their top entries, in one remote pass.
//!
//! In: a connected server. Out: [`LastUse`]: digests with access times, where they come from, or why there are none. Only
//! top entries are looked at, and no folder is opened, since reading one is what moves its time.

use super::error::{ServerError, Why};
use super::script::{self, BEGIN, END};
use super::{Inner, Server};
use crate::domain::budget::{Budget, entry as room_of, most};
use crate::domain::space::{AccessTimes, LastUse, UseSource};
use crate::domain::{StorePath, When, nix32};
use crate::link::{Command, Link};
use std::time::Duration;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::time::timeout;

/// Bytes of output that are accepted: more than five million entries.
const MOST_BYTES: u64 = 512 << 20;

/// Bytes of one line that are looked at: a folder, a name and a time.
const LINE: u64 = 8 << 10;

/// How long the pass may take: a million entries that are not in the server's cache are minutes of seeking.
const TIME: Duration = Duration::from_secs(900);

impl Server {
    /// When every path of the store was last used, over the connection for whole stores.
    pub async fn last_use(&self) -> Result<LastUse, ServerError> {
        let link = self.bulk_link().await?;
        ask(&self.inner, &link, None).await
    }

    /// The same of some paths, now. One that is not there is left out.
    pub async fn last_use_of(&self, paths: &[StorePath]) -> Result<LastUse, ServerError> {
        ask(&self.inner, &self.inner.link, Some(paths)).await
    }
}

fn unknown(why: &str) -> LastUse {
    LastUse {
        source: UseSource::Registration,
        why: Some(why.to_owned()),
        times: Vec::new(),
    }
}

async fn ask(
    inner: &Inner,
    link: &Link,
    some: Option<&[StorePath]>,
) -> Result<LastUse, ServerError> {
    let dir = {
        let facts = inner.facts.read();
        let facts = facts.unwrap_or_else(std::sync::PoisonError::into_inner);
        facts.store_dir.clone()
    };
    let Some(dir) = dir else {
        return Ok(unknown(
            "the address of the store there does not name its folder, so its access times are not known",
        ));
    };
    let command = Command::script(script::LAST_USE)
        .arg(dir)
        .arg(if some.is_some() { "some" } else { "all" })
        .sudo(inner.start.sudo);
    let mut process = link.start(&command).await?;
    let names = some.map(|paths| {
        let mut names = String::new();
        for path in paths {
            names.push_str(path.base_name());
            names.push('\n');
        }
        names
    });
    let stdin = process.stdin.take();
    let write = async {
        if let Some(mut stdin) = stdin {
            // A script need not read what it is given.
            let _ = stdin
                .write_all(names.as_deref().unwrap_or_default().as_bytes())
                .await;
            let _ = stdin.shutdown().await;
        }
    };
    let answer = {
        let mut write = std::pin::pin!(write);
        let mut read = std::pin::pin!(timeout(TIME, read(&mut process.stdout)));
        tokio::select! {
            () = &mut write => read.await,
            answer = &mut read => answer,
        }
    };
    let why = match answer {
        Ok(Ok(Some(found))) => return Ok(found),
        Ok(Ok(None)) => Why::from_stderr(&process.stderr_tail())
            .unwrap_or_else(|| "its answer was cut off".into()),
        Ok(Err(error)) => {
            // The end of the link is an error of reading; the link knows why.
            if let Ok(lost) = timeout(Duration::from_millis(200), link.lost()).await {
                return Err(lost.into());
            }
            error.to_string().into()
        }
        Err(_) => format!("it took longer than {} minutes", TIME.as_secs() / 60).into(),
    };
    Err(ServerError::Script {
        place: inner.start.place.clone(),
        what: "tell when its store paths were used",
        why,
        next: "check that `find` and `awk` are there and that this login may list the store",
    })
}

/// Reads the answer as it comes; `None` if it has no end.
async fn read(stdout: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<LastUse>> {
    let mut input = BufReader::with_capacity(1 << 16, stdout.take(MOST_BYTES));
    let mut line = Vec::new();
    let mut found = unknown("the server did not say how its file system keeps access times");
    let (mut begun, mut listing) = (false, false);
    let mut room = Budget::new("the list of times of last use", most::TIMES);
    loop {
        line.clear();
        let got = (&mut input).take(LINE).read_until(b'\n', &mut line).await?;
        if got == 0 {
            return Ok(None);
        }
        if got as u64 == LINE && !line.ends_with(b"\n") {
            return Err(std::io::Error::other("one line of its answer does not end"));
        }
        let text = line.trim_ascii();
        if listing && let Some(entry) = entry(text) {
            room.charge(room_of::<([u8; 20], When)>())
                .map_err(std::io::Error::other)?;
            found.times.push(entry);
            continue;
        }
        if !begun {
            begun = text == BEGIN.as_bytes();
            continue;
        }
        let text = String::from_utf8_lossy(text);
        match text.split_once('=') {
            Some((END, _)) => return Ok(Some(found)),
            Some(("times", _)) => listing = true,
            Some(("options", options)) => set_source(&mut found, options),
            Some(("problem", problem)) => {
                found = unknown(if problem == "missing" {
                    "the folder of the store is not there, or hidden from this login"
                } else {
                    "neither `find -printf` nor `stat -c` works there, so access times can't be read"
                });
            }
            // An entry that is no store path, such as `.links`.
            _ => {}
        }
    }
}

/// Says where times come from, by the mount options of the store.
fn set_source(found: &mut LastUse, options: &str) {
    let options: Vec<&str> = options.split(',').filter(|o| !o.is_empty()).collect();
    if options.is_empty() {
        return;
    }
    match AccessTimes::of(&options) {
        AccessTimes::Always => (found.source, found.why) = (UseSource::AccessTime, None),
        AccessTimes::Daily => (found.source, found.why) = (UseSource::AccessTimeDaily, None),
        AccessTimes::Never => {
            found.why = Some(format!(
                "the store is mounted with {}, so its file system keeps no access times",
                options
                    .into_iter()
                    .find(|o| matches!(*o, "noatime" | "nodiratime" | "ro"))
                    .unwrap_or("noatime")
            ));
        }
    }
}

/// `1767323045.1234567890 <base name>` of `find`, `1767323045 <path>` of `stat`.
fn entry(line: &[u8]) -> Option<([u8; 20], When)> {
    let at = line.iter().position(|byte| *byte == b' ')?;
    let (seconds, name) = (line.get(..at)?, line.get(at + 1..)?);
    let seconds = seconds.split(|byte| *byte == b'.').next()?;
    let seconds: i64 = std::str::from_utf8(seconds).ok()?.parse().ok()?;
    let name = name.rsplit(|byte| *byte == b'/').next()?;
    if *name.get(32)? != b'-' {
        return None;
    }
    let digest = nix32::decode::<20>(name.get(..32)?).ok()?;
    Some((digest, When::from_unix(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAME: &str = "5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0";

    fn answer(text: &str) -> Option<LastUse> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let mut bytes = text.as_bytes();
        runtime.block_on(read(&mut bytes)).unwrap()
    }

    #[test]
    fn both_forms_of_an_entry() {
        let digest = StorePath::from_base_name(NAME).unwrap().digest();
        let text = format!(
            "Welcome\nstorekeeper-answer\noptions=rw,relatime\ntimes=\n1767323045.5000000000 {NAME}\n7 .links\n1767323046 /x y/{NAME}\n1 x=y\nend=\n"
        );
        let found = answer(&text).unwrap();
        assert_eq!(found.source, UseSource::AccessTimeDaily);
        assert_eq!(
            found.times,
            [
                (digest, When::from_unix(1_767_323_045)),
                (digest, When::from_unix(1_767_323_046))
            ]
        );
    }

    #[test]
    fn what_is_not_known_says_why() {
        let of = |lines: &str| answer(&format!("storekeeper-answer\n{lines}\nend=\n")).unwrap();
        for (lines, word) in [
            ("options=rw,noatime", "mounted with noatime"),
            ("options=ro,relatime", "mounted with ro"),
            ("options=rw,nodiratime", "nodiratime"),
            ("options=", "did not say"),
            ("problem=missing", "is not there"),
            ("options=rw\nproblem=tools", "neither"),
        ] {
            let found = of(lines);
            assert_eq!(found.source, UseSource::Registration, "{lines}");
            assert!(found.why.unwrap().contains(word), "{lines}");
        }
        assert_eq!(of("options=rw").source, UseSource::AccessTime);
        assert!(answer("storekeeper-answer\noptions=rw\ntimes=\n").is_none());
    }

    proptest! {
        #[test]
        fn never_panics(line in proptest::collection::vec(any::<u8>(), 0..80), text in "(storekeeper-answer\n)?((options|times|problem|end|[0-9]{1,3} )=?.{0,40}\n){0,4}") {
            let _ = entry(&line);
            let _ = answer(&text);
        }
    }
}
