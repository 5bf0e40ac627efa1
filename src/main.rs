//! The `cmdx` binary: hands the command line to the library.

fn main() -> std::process::ExitCode {
    cmdx::cli::main()
}
