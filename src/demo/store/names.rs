//! What the packages of the synthetic store are called.
//!
//! In: which package, and how many rounds of updates ago. Out: name, version, size and outputs, as a store of a team
//! that builds its own services on top of a distribution would have them.

use crate::demo::random::Random;

/// A package of one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    /// Such as `curl`.
    pub(super) name: String,
    /// Such as `8.7.1`.
    pub(super) version: String,
    /// Typical NAR size of its main output in bytes.
    pub(super) size: u64,
    /// Further outputs.
    pub(super) outputs: &'static [&'static str],
}

impl Package {
    /// `curl-8.7.1`
    pub(super) fn full_name(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

type Row = (&'static str, [u32; 3], u64, &'static [&'static str]);

/// The bottom of every closure, in order of dependency. Sizes are rough.
const BASE: [Row; 40] = [
    ("glibc", [2, 40, 66], 29 * MIB, &["bin", "dev"]),
    ("gcc-lib", [13, 3, 0], 9 * MIB, &[]),
    ("bash", [5, 2, 37], 7 * MIB, &["doc"]),
    ("zlib", [1, 3, 1], 130 * KIB, &["dev"]),
    ("xz", [5, 6, 3], 900 * KIB, &["bin", "dev"]),
    ("bzip2", [1, 0, 8], 80 * KIB, &["bin"]),
    ("libunistring", [1, 2, 0], 1800 * KIB, &[]),
    ("libidn2", [2, 3, 7], 360 * KIB, &[]),
    ("gmp", [6, 3, 0], 750 * KIB, &[]),
    ("attr", [2, 5, 2], 90 * KIB, &[]),
    ("acl", [2, 3, 2], 140 * KIB, &[]),
    ("coreutils", [9, 5, 0], 1900 * KIB, &["info"]),
    ("ncurses", [6, 4, 20], 7 * MIB, &["dev", "man"]),
    ("readline", [8, 2, 13], 480 * KIB, &["doc"]),
    ("openssl", [3, 0, 13], 6 * MIB, &["bin", "dev", "man"]),
    ("libffi", [3, 4, 6], 70 * KIB, &["dev"]),
    ("sqlite", [3, 46, 1], 1600 * KIB, &["bin"]),
    ("expat", [2, 6, 4], 230 * KIB, &["dev"]),
    ("pcre2", [10, 44, 0], 1900 * KIB, &[]),
    ("gnugrep", [3, 11, 0], 840 * KIB, &[]),
    ("gnused", [4, 9, 0], 720 * KIB, &[]),
    ("gawk", [5, 2, 2], 2800 * KIB, &["man"]),
    ("gnutar", [1, 35, 0], 3 * MIB, &["info"]),
    ("gzip", [1, 13, 0], 170 * KIB, &[]),
    ("zstd", [1, 5, 6], 1700 * KIB, &["bin", "dev"]),
    ("libssh2", [1, 11, 1], 330 * KIB, &[]),
    ("nghttp2-lib", [1, 62, 1], 200 * KIB, &[]),
    ("krb5", [1, 21, 3], 3 * MIB, &["lib"]),
    ("curl", [8, 7, 1], 1300 * KIB, &["bin", "dev", "man"]),
    ("python3", [3, 12, 8], 128 * MIB, &["debug"]),
    ("perl", [5, 40, 0], 58 * MIB, &["man"]),
    ("git-minimal", [2, 45, 2], 47 * MIB, &["doc"]),
    ("systemd-minimal-libs", [255, 9, 0], 1100 * KIB, &[]),
    ("util-linux-minimal", [2, 39, 4], 3 * MIB, &["lib"]),
    ("gcc", [13, 3, 0], 253 * MIB, &["man", "info"]),
    ("binutils", [2, 42, 0], 34 * MIB, &["lib"]),
    ("nodejs", [20, 15, 1], 110 * MIB, &["dev"]),
    ("openjdk-headless", [21, 0, 4], 420 * MIB, &[]),
    ("ghc", [9, 6, 6], 1900 * MIB, &["doc"]),
    ("postgresql", [16, 4, 0], 52 * MIB, &["lib", "man"]),
];

/// What the team builds itself.
const OWN: [Row; 16] = [
    ("ledger", [4, 1, 0], 200 * KIB, &["doc"]),
    ("ledger-cli", [4, 1, 0], 12 * MIB, &[]),
    ("storefront", [1, 9, 0], 86 * MIB, &["assets"]),
    ("warehouse-sync", [0, 31, 0], 9 * MIB, &[]),
    ("invoice-renderer", [2, 14, 0], 31 * MIB, &["doc"]),
    ("payment-gateway", [3, 3, 0], 22 * MIB, &[]),
    ("catalog-api", [7, 20, 0], 18 * MIB, &[]),
    ("price-feed", [1, 44, 0], 6 * MIB, &[]),
    ("till-daemon", [1, 8, 0], 3 * MIB, &[]),
    ("label-printer", [0, 9, 0], 640 * KIB, &[]),
    ("search-index", [5, 2, 0], 240 * MIB, &[]),
    ("mail-outbox", [1, 1, 0], 2 * MIB, &[]),
    ("staff-portal", [2, 6, 0], 54 * MIB, &["assets"]),
    ("report-builder", [1, 12, 0], 17 * MIB, &["doc"]),
    ("ops-scripts", [0, 77, 0], 96 * KIB, &[]),
    ("ci-image", [0, 203, 0], 610 * MIB, &[]),
];

/// The families that most paths belong to: prefix, how many packages in a hundred, typical size.
const FAMILIES: [(&str, usize, u64); 8] = [
    ("python3.12-", 34, 900 * KIB),
    ("perl5.40.0-", 10, 120 * KIB),
    ("haskell-", 9, 3 * MIB),
    ("rust_", 12, 420 * KIB),
    ("node_", 10, 260 * KIB),
    ("lib", 11, MIB),
    ("vimplugin-", 4, 180 * KIB),
    ("", 10, 5 * MIB),
];

const STEMS: [&str; 112] = [
    "aiohttp",
    "amqp",
    "anyio",
    "argparse",
    "attrs",
    "avro",
    "babel",
    "backoff",
    "bcrypt",
    "bitarray",
    "black",
    "blosc",
    "boto",
    "brotli",
    "cachetools",
    "cairo",
    "cbor",
    "certifi",
    "chardet",
    "click",
    "cloudpickle",
    "colorama",
    "configobj",
    "croniter",
    "cryptography",
    "cython",
    "dateutil",
    "decorator",
    "defusedxml",
    "dill",
    "dnspython",
    "docopt",
    "docutils",
    "editables",
    "elastic",
    "execnet",
    "faker",
    "fastapi",
    "filelock",
    "flask",
    "freetype",
    "fsspec",
    "gevent",
    "graphviz",
    "greenlet",
    "grpcio",
    "harfbuzz",
    "hatchling",
    "httpx",
    "hypothesis",
    "icu",
    "idna",
    "imageio",
    "iniconfig",
    "isodate",
    "jinja",
    "jmespath",
    "jsonschema",
    "kafka",
    "keyring",
    "kombu",
    "lxml",
    "lz4",
    "mako",
    "markdown",
    "matplotlib",
    "mccabe",
    "mock",
    "msgpack",
    "multidict",
    "mypy",
    "networkx",
    "numpy",
    "oauthlib",
    "openpyxl",
    "orjson",
    "packaging",
    "pandas",
    "paramiko",
    "pathspec",
    "pendulum",
    "pillow",
    "pip",
    "platformdirs",
    "pluggy",
    "protobuf",
    "psutil",
    "psycopg",
    "pycparser",
    "pydantic",
    "pygments",
    "pyjwt",
    "pytest",
    "pytz",
    "pyyaml",
    "redis",
    "regex",
    "requests",
    "rich",
    "ruff",
    "scipy",
    "setuptools",
    "six",
    "sqlalchemy",
    "tomli",
    "tornado",
    "tqdm",
    "typer",
    "urllib",
    "uvloop",
    "wheel",
    "yarl",
];

const SUFFIXES: [&str; 12] = [
    "", "-core", "-utils", "-types", "-client", "-compat", "-extras", "-server", "-parser",
    "-plugin", "-stubs", "-async",
];

/// Number of packages at the bottom.
pub(super) const fn base_count() -> usize {
    BASE.len()
}

/// Number of the team's own packages.
pub(super) const fn own_count() -> usize {
    OWN.len()
}

/// A package of the bottom, `rounds` updates ago.
pub(super) fn base(index: usize, rounds: u32) -> Package {
    let (name, [major, minor, patch], size, outputs) = BASE[index % BASE.len()];
    // What has a patch level moves by it; the rest moves by the minor number, every other round.
    let version = if patch > 0 {
        format!("{major}.{minor}.{}", patch.saturating_sub(rounds))
    } else {
        format!("{major}.{}", minor.saturating_sub(rounds / 2))
    };
    Package {
        name: name.to_owned(),
        version,
        size,
        outputs,
    }
}

/// One of the team's own packages, `rounds` updates ago.
pub(super) fn own(index: usize, rounds: u32) -> Package {
    let (name, [major, minor, _], size, outputs) = OWN[index % OWN.len()];
    let version = if minor > 9 {
        format!("{major}.{}", minor.saturating_sub(rounds))
    } else {
        let tenths = (major * 10 + minor).saturating_sub(rounds).max(1);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    Package {
        name: name.to_owned(),
        version,
        size,
        outputs,
    }
}

/// A package of the families. The same number is the same package in every round.
pub(super) fn library(number: usize, rounds: u32, random: &mut Random) -> Package {
    let mut share = number.wrapping_mul(37) % 100;
    let (prefix, _, size) = FAMILIES
        .into_iter()
        .find(|(_, percent, _)| {
            let found = share < *percent;
            share = share.saturating_sub(*percent);
            found
        })
        .unwrap_or(FAMILIES[0]);
    let stem = STEMS[number.wrapping_mul(53) % STEMS.len()];
    let suffix = SUFFIXES[(number / STEMS.len()) % SUFFIXES.len()];
    let turn = number / (STEMS.len() * SUFFIXES.len());
    let again = if turn == 0 {
        String::new()
    } else {
        turn.to_string()
    };
    // The current version follows from the number, so that older rounds have older versions of the same.
    let (major, minor) = (number * 7 % 6, 3 + number * 13 % 40);
    let minor = minor.saturating_sub(rounds as usize / 2);
    let patch = u8::from(rounds.is_multiple_of(2));
    let outputs: &[&str] = match random.below(100) {
        0..=5 => &["dev"],
        6..=9 => &["doc"],
        10..=11 => &["dev", "man"],
        12..=22 if prefix.starts_with("python") => &["dist"],
        _ => &[],
    };
    Package {
        name: format!("{prefix}{stem}{suffix}{again}"),
        version: format!("{major}.{minor}.{patch}"),
        size,
        outputs,
    }
}

/// An upload that nobody has signed: a top and how many dependencies of its own, and its age in minutes.
pub(super) struct Upload {
    pub(super) top: &'static str,
    /// Share of all private dependencies, in parts of 182.
    pub(super) private: usize,
    pub(super) size: u64,
    pub(super) minutes: i64,
}

const fn upload(top: &'static str, private: usize, size: u64, minutes: i64) -> Upload {
    Upload {
        top,
        private,
        size,
        minutes,
    }
}

/// The recent uploads, newest first.
pub(super) const UPLOADS: [Upload; 18] = [
    upload("ledger-4.2", 3, 200 * KIB, 4),
    upload("ledger-4.2-doc", 0, 48 * KIB, 4),
    upload("storefront-2.0", 46, 86 * MIB, 22),
    upload("orphan-tool-0.1", 0, 24 * KIB, 51),
    upload("till-daemon-1.9", 8, 3 * MIB, 95),
    upload("catalog-api-7.21", 17, 18 * MIB, 140),
    upload("price-feed-1.45", 6, 6 * MIB, 185),
    upload("warehouse-sync-0.32", 9, 9 * MIB, 260),
    upload("invoice-renderer-2.15", 14, 31 * MIB, 415),
    upload("staff-portal-2.7", 21, 54 * MIB, 600),
    upload("label-printer-1.0", 2, 640 * KIB, 745),
    upload("payment-gateway-3.4", 12, 22 * MIB, 905),
    upload("mail-outbox-1.2", 4, 2 * MIB, 1190),
    upload("report-builder-1.13", 11, 17 * MIB, 1420),
    upload("ops-scripts-0.78", 0, 96 * KIB, 1800),
    upload("search-index-5.3", 16, 240 * MIB, 2230),
    upload("ci-image-0.204", 11, 610 * MIB, 2555),
    upload("debug-shell-0.3", 2, 5 * MIB, 2870),
];

/// Private dependencies of all uploads together.
pub(super) const PRIVATE: usize = 182;

/// The name of a path that only `top` needs.
pub(super) fn private(top: &str, number: usize, random: &mut Random) -> String {
    let stem = STEMS[random.below(STEMS.len())];
    let name = top.rsplit_once('-').map_or(top, |(name, _)| name);
    match number % 4 {
        0 => format!("{name}-{stem}-{}.{}", random.below(4), random.below(30)),
        1 => format!("node_{stem}-{}.{}.0", 1 + random.below(8), random.below(20)),
        2 => format!("rust_{stem}-0.{}.{}", random.below(30), random.below(9)),
        _ => format!(
            "python3.12-{stem}-{}.{}",
            1 + random.below(5),
            random.below(30)
        ),
    }
}
