//! storekeeper: parses nothing and decides nothing; `cli` does.

fn main() -> std::process::ExitCode {
    storekeeper::cli::main()
}
