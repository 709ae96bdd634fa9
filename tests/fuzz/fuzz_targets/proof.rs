//! Answers to a challenge, pasted by anybody: no proof, and no fall.
#![no_main]

use base64::Engine as _;
use libfuzzer_sys::fuzz_target;
use storekeeper::domain::proof::check;
use storekeeper::domain::ssh_key::PublicSshKey;

const KEYS: [&str; 3] = [
    include_str!("../../../src/domain/proof/ed25519.pub"),
    include_str!("../../../src/domain/proof/ecdsa.pub"),
    include_str!("../../../src/domain/proof/rsa.pub"),
];

fuzz_target!(|data: &[u8]| {
    let inside = base64::engine::general_purpose::STANDARD.encode(data);
    let armoured = format!("-----BEGIN SSH SIGNATURE-----\n{inside}\n-----END SSH SIGNATURE-----\n");
    let text = String::from_utf8_lossy(data);
    for key in KEYS {
        let Ok(key) = PublicSshKey::parse(key) else {
            return;
        };
        assert!(check(&key, "a text that nobody has signed", &armoured).is_err());
        assert!(check(&key, "a text that nobody has signed", &text).is_err());
    }
});
