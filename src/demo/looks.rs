//! What a console has seen of the demo's disk at earlier looks, since a demo is too young to have seen anything.
//!
//! In: when the demo takes place. Out: the file of samples that a console reads.

use crate::domain::When;
use std::fs;
use std::path::Path;

/// One look a day.
const DAYS: u64 = 42;

/// What the disk takes up a day, and less on some days than on others.
const A_DAY: u64 = 3_900 << 20;

/// The day on which somebody collected, and what that freed.
const COLLECTED: (u64, u64) = (19, 71 << 30);

/// What a large store and all else take, in KiB: so much for the large packages of its fifty rounds, and so much for
/// each path.
const ROUNDS: u64 = 375_000_000;
const A_PATH: u64 = 1_100;

/// What is in use of the demo's disk at first, in KiB: 804 GiB, or more where so many paths take that much. It does not wait
/// for the store.
pub(super) fn used(paths: usize) -> u64 {
    (ROUNDS + paths as u64 * A_PATH).max(843_055_104)
}

/// The disk of which so much is in use at first, in KiB: 980 GiB, or as much as leaves 17 % free.
pub(super) fn size(used: u64) -> u64 {
    (used / 83 * 100).max(1_027_604_480)
}

/// Writes it into the folder of what is kept on this side; so many KiB are in use now.
pub(super) fn write(here: &Path, used_now: u64, epoch: When) -> std::io::Result<()> {
    let samples: Vec<String> = (1..=DAYS)
        .rev()
        .map(|back| {
            let at = When::from_unix(epoch.unix() - back as i64 * 86_400);
            let more = if back > COLLECTED.0 { COLLECTED.1 } else { 0 };
            let used = used_now * 1024 + more - back * A_DAY + (back * 7 % 5) * (A_DAY / 8);
            format!("{{\"at\":\"{at}\",\"used\":{used}}}")
        })
        .collect();
    let folder = here.join("space");
    fs::create_dir_all(&folder)?;
    fs::write(
        folder.join(format!("{}.json", super::NAME)),
        format!("[{}]", samples.join(",")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::store::{Store, StoreOptions};

    const USED: u64 = 843_055_104;

    #[test]
    fn the_disk_is_larger_than_what_is_on_it() {
        for paths in [0, 4000, 1_000_000, 100_000_000] {
            let used = used(paths);
            let percent = used * 100 / size(used);
            assert!((80..=84).contains(&percent), "{percent}");
        }
        assert_eq!((used(4000), size(used(4000))), (USED, 1_027_604_480));
    }

    #[test]
    fn a_store_is_not_larger_than_what_is_in_use() {
        for (seed, paths) in [(1, 30_000), (2, 30_000), (7, 150_000)] {
            let options = StoreOptions {
                paths,
                derivations: 50,
                unsigned: 200,
                seed,
                epoch: When::from_unix(super::super::EPOCH),
            };
            let store = Store::new(&options).unwrap();
            let bytes: u64 = (0..paths as u32)
                .filter_map(|at| store.unsigned_info(at))
                .map(|info| info.nar_size)
                .sum();
            assert!(bytes / 1024 < used(paths), "{bytes} of {paths}");
        }
    }

    #[test]
    fn six_weeks_that_lead_to_what_is_in_use_now() {
        let here = tempfile::tempdir().unwrap();
        write(here.path(), USED, When::from_unix(super::super::EPOCH)).unwrap();
        let text = fs::read_to_string(here.path().join("space/demo.json")).unwrap();
        let samples: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(samples.len(), DAYS as usize);
        let used: Vec<u64> = samples
            .iter()
            .map(|s| s["used"].as_u64().unwrap())
            .collect();
        let falls = used
            .windows(2)
            .filter(|pair| pair[0] > pair[1] + (1 << 30))
            .count();
        assert_eq!(falls, 1, "one collection");
        assert!(used[41] < USED * 1024 && used[41] > (USED - (8 << 20)) * 1024);
        assert_eq!(samples[41]["at"], "2026-01-01T03:04:05Z");
    }
}
