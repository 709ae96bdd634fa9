//! A list of revoked keys with anything in it: a list or one sentence, and an answer about any key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::domain::revocation::RevocationList;
use storekeeper::domain::ssh_key::PublicSshKey;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHg0yAYWxZPxtHKrVw/QA4iV1jAdLvLT4eFVhVmVJUK a";

fuzz_target!(|bytes: &[u8]| {
    let key = PublicSshKey::parse(KEY).expect("it is a key");
    let certificate = PublicSshKey::parse(include_str!("../../../src/judge/access/certified/certificate.pub"));
    let certificate = certificate.expect("it is a certificate");
    for content in [bytes.to_vec(), [b"SSHKRL\n\0\0\0\0\x01", bytes].concat()] {
        match RevocationList::parse(&content) {
            Ok(list) => {
                let _ = (list.has(&key), list.has(&certificate));
            }
            Err(why) => assert!(!why.chars().any(char::is_control)),
        }
    }
});
