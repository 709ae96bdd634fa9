//! Keys, signatures, store paths and content addresses: text from anywhere. What is read is written back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::domain::{ContentAddress, PublicKey, Signature, SigningKey, StorePath};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(key) = PublicKey::parse(text) {
        assert_eq!(PublicKey::parse(&key.to_string()).as_ref(), Ok(&key));
        let _ = key.verifies(data, &[1; 64]);
    }
    if let Ok(signature) = Signature::parse(text) {
        assert_eq!(Signature::parse(&signature.to_string()), Ok(signature));
    }
    if let Ok(key) = SigningKey::parse(text) {
        let signature = key.sign(data);
        assert!(key.public().verifies(data, signature.as_bytes()));
    }
    if let Ok(path) = StorePath::parse(text) {
        assert_eq!(path.to_string(), text);
        assert_eq!(StorePath::from_parts(&path.digest(), path.name()), Ok(path));
    }
    if let (Some(address), Ok(own)) = (
        ContentAddress::parse(text),
        StorePath::parse("/nix/store/5wd5yzrxv6y0dj2mzzjqlyx5v1kh8vzr-demo-1.0"),
    ) {
        let _ = address.store_path("demo", &[], &own);
        let _ = address.store_path("demo", std::slice::from_ref(&own), &own);
    }
});
