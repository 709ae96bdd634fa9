//! A known_hosts file that anything may have written.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| storekeeper::link::known_hosts::fuzz(data));
