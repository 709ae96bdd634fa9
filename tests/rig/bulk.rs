//! A store of many registered paths, for measuring: the database is whole, the paths' contents don't exist.
//!
//! In: a number of paths. Out: a chroot store under the target folder, kept for the next run; about six references each,
//! nine in ten signed by the cache's key, deterministic apart from that key.

use super::nix::Nix;
use super::store::{OURS, own_settings, sql};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use storekeeper::domain::{NarHash, PathInfo, SigningKey, StorePath};

const WORDS: [&str; 16] = [
    "glibc",
    "openssl",
    "python3",
    "perl",
    "linux-headers",
    "gcc",
    "rust",
    "haskell-lens",
    "bash",
    "coreutils",
    "curl",
    "sqlite",
    "texlive",
    "firefox",
    "nixos-system",
    "source",
];

/// The folder of a chroot store with `count` paths, made now if it was not made before.
pub(crate) fn store(nix: &Nix, key_file: &Path, count: u32) -> PathBuf {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let secret = fs::read_to_string(key_file).expect("the rig has a signing key");
    let tag = Sha256::digest(format!("{secret}{}", include_str!("bulk.rs")));
    let dir = base.join(format!(
        "bulk-{}-{count}-{:02x}{:02x}{:02x}",
        nix.version, tag[0], tag[1], tag[2]
    ));
    fs::create_dir_all(base).expect("the target folder can't be written");
    let lock = File::create(base.join("bulk.lock")).expect("the target folder can't be written");
    lock.lock().expect("the synthetic store can't be locked");
    if !dir.exists() {
        let new = base.join("bulk-new");
        let _ = fs::remove_dir_all(&new);
        make(
            nix,
            &SigningKey::parse(&secret).expect("nix makes valid keys"),
            &new,
            count,
        );
        fs::rename(&new, &dir).expect("the synthetic store can't be put in its place");
    }
    dir
}

fn make(nix: &Nix, key: &SigningKey, dir: &Path, count: u32) {
    fs::create_dir_all(dir).expect("the target folder can't be written");
    // Nix itself makes the empty database, so its layout is that of the version under test.
    let mut env: Vec<(&str, String)> = own_settings(dir).to_vec();
    env.push(("NIX_REMOTE", format!("local?root={}", dir.display())));
    let env: Vec<(&str, &str)> = env
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    nix.run("nix", ["path-info", "--all"], &env);

    assert_eq!(key.name().as_str(), OURS);
    let mut random = Random(0x5eed);
    let mut paths: Vec<StorePath> = Vec::new();
    let (mut rows, mut references) = (String::new(), String::new());
    for index in 0..count {
        let (row, refers) = path(&mut random, index, &paths, key);
        let id = index + 1;
        let signatures = row.signatures.join(" ");
        let deriver = row
            .deriver
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let _ = writeln!(
            rows,
            "{id}\t{}\tsha256:{}\t{}\t{deriver}\t{}\t0\t{signatures}\t",
            row.path,
            row.nar_hash.to_hex(),
            1_760_000_000 + u64::from(index) * 60,
            row.nar_size,
        );
        for reference in refers {
            let _ = writeln!(references, "{id}\t{}", reference + 1);
        }
        paths.push(row.path);
    }
    for (name, text) in [("rows", &rows), ("references", &references)] {
        fs::write(dir.join(name), text).expect("the target folder can't be written");
    }
    sql(
        &dir.join("nix/var/nix/db/db.sqlite"),
        &format!(
            ".mode tabs\n.import '{0}/rows' ValidPaths\n.import '{0}/references' Refs\n\
             update ValidPaths set deriver = nullif(deriver, ''), sigs = nullif(sigs, ''), ca = nullif(ca, '');",
            dir.display()
        ),
    );
}

/// One path that refers to earlier ones, near ones more often than far ones, as in a store that grew.
fn path(
    random: &mut Random,
    index: u32,
    earlier: &[StorePath],
    key: &SigningKey,
) -> (PathInfo, Vec<u32>) {
    let mut digest = [0; 20];
    digest.fill_with(|| random.byte());
    let word = WORDS[random.below(16) as usize];
    let name = format!("{word}-{}.{}.{index}", random.below(9), random.below(30));
    let own = StorePath::from_parts(&digest, &name).expect("the words are valid names");
    let mut refers: Vec<u32> = (0..random.below(13))
        .filter(|_| index > 0)
        .map(|_| {
            let reach = if random.below(3) == 0 {
                index
            } else {
                index.min(200)
            };
            index - 1 - random.below(reach)
        })
        .collect();
    refers.sort_unstable();
    refers.dedup();
    let mut hash = [0; 32];
    hash.fill_with(|| random.byte());
    let mut references: Vec<StorePath> = refers
        .iter()
        .map(|&at| earlier[at as usize].clone())
        .collect();
    references.sort();
    let deriver =
        StorePath::from_parts(&digest.map(|byte| byte ^ 0x55), &format!("{name}.drv")).ok();
    let mut info = PathInfo {
        path: own,
        nar_hash: NarHash(hash),
        nar_size: u64::from(random.below(50_000_000)) + 120,
        references,
        deriver,
        registered: storekeeper::domain::When::from_unix(0),
        ultimate: false,
        signatures: Vec::new(),
        content_address: None,
    };
    if random.below(10) != 0 {
        let fingerprint = info.fingerprint().expect("the size is not 0");
        info.signatures.push(key.sign(&fingerprint).to_string());
    }
    (info, refers)
}

/// A small generator (xorshift64), so that the store is the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn byte(&mut self) -> u8 {
        (self.next() >> 32) as u8
    }

    fn below(&mut self, limit: u32) -> u32 {
        ((self.next() >> 33) % u64::from(limit.max(1))) as u32
    }
}
