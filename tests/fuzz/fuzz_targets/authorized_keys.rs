//! A key file that anything may have written, and an edit of it; the same bytes as the files that sshd reads about certificates.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::domain::When;
use storekeeper::domain::authorities::{principals, trusted};
use storekeeper::domain::authorized_keys::AuthorizedKeys;

fuzz_target!(|data: &[u8]| {
    let file = AuthorizedKeys::parse(data);
    assert_eq!(file.to_bytes(), data);
    assert!(trusted(data).iter().all(|(_, key)| key.certificate().is_none()));
    assert!(principals(data).iter().all(|name| !name.is_empty()));
    let suspended: Vec<usize> = file.suspended().map(|(number, _)| number).collect();
    for number in suspended {
        let mut resumed = file.clone();
        if resumed.resume(number).is_ok() {
            assert_eq!(AuthorizedKeys::parse(&resumed.to_bytes()), resumed);
            let (before, after) = (file.line(number), resumed.line(number));
            assert!(before.zip(after).is_some_and(|(before, after)| before.raw().ends_with(after.raw())));
        }
    }
    let numbers: Vec<usize> = file.keys().map(|(number, _)| number).collect();
    for number in numbers {
        let mut changed = file.clone();
        if changed.set_expiry(number, Some(When::from_unix(1_803_081_600))).is_ok() {
            assert_eq!(AuthorizedKeys::parse(&changed.to_bytes()), changed);
            for ((at, old), (_, new)) in file.lines().zip(changed.lines()) {
                assert!(at == number || old.raw() == new.raw());
            }
        }
    }
});
