//! A configuration file with anything in it: values or one sentence, never more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use storekeeper::config::Config;

fuzz_target!(|text: &str| {
    if let Err(error) = Config::parse(text, Path::new("config.toml")) {
        assert!(!error.to_string().is_empty());
    }
});
