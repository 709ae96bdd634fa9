//! storekeeper: parses nothing and decides nothing; `cli` does.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments
        .next()
        .as_deref()
        .and_then(std::ffi::OsStr::to_str)
    {
        Some("demo-shim") => ExitCode::from(storekeeper::demo::shim::main(arguments)),
        _ => ExitCode::from(2),
    }
}
