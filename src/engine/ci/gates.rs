//! The limits a project starts with, for `cmdx.toml` or `[tool.cmdx]`.

const STUB: &str = include_str!("../../../templates/ci/gates.toml");

/// The tables, with `prefix` (`tool.cmdx.`, or nothing) before their names.
pub fn gates_stub(prefix: &str) -> String {
    STUB.replace("[gates", &format!("[{prefix}gates"))
}
