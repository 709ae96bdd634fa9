//! A check of many signatures by one key, against the general check of `ed25519-dalek` in the same run.
//!
//! In: signatures made here. Out: pairs of times a signature and their ratio; ends with an error where the median ratio is
//! over the bar.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;
use storekeeper::domain::verify::{Verifier, hold};
use storekeeper::domain::{KeyName, SigningKey};
use zeroize::Zeroizing;

const SIGNATURES: u32 = 8192;
/// As many as are checked together while a store is read.
const HANDFUL: usize = 1024;
const PAIRS: usize = 7;
/// What our time may be of the peer's.
const BAR: f64 = 0.5;

/// Microseconds a signature.
fn microseconds(check: impl Fn() -> usize) -> f64 {
    let start = Instant::now();
    assert_eq!(black_box(check()), SIGNATURES as usize);
    start.elapsed().as_secs_f64() * 1e6 / f64::from(SIGNATURES)
}

fn main() -> ExitCode {
    let key = SigningKey::from_seed(KeyName::new("bench-1").unwrap(), &Zeroizing::new([7; 32]));
    let public = key.public();
    let signed: Vec<(Vec<u8>, [u8; 64])> = (0..SIGNATURES)
        .map(|number| {
            let message = number.to_le_bytes().repeat(75);
            let signature = *key.sign(&message).as_bytes();
            (message, signature)
        })
        .collect();
    let verifier = Verifier::new(&public);
    let ours = || {
        let handfuls = signed.chunks(HANDFUL).flat_map(|some| {
            let claims: Vec<_> = some
                .iter()
                .filter_map(|(message, signature)| verifier.claim(message, signature))
                .collect();
            hold(&claims)
        });
        handfuls.filter(|holds| *holds).count()
    };
    let general = || {
        let good =
            |(message, signature): &&(Vec<u8>, [u8; 64])| public.verifies(message, signature);
        signed.iter().filter(good).count()
    };
    // The tables are made with the first signature.
    ours();
    let mut ratios: Vec<f64> = (0..PAIRS)
        .map(|_| {
            let (ours, general) = (microseconds(ours), microseconds(general));
            println!("{ours:.1} us against {general:.1} us");
            ours / general
        })
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let median = ratios[PAIRS / 2];
    println!("ratio {median:.2}, bar {BAR}");
    if median > BAR {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
