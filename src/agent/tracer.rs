//! The native memory tracer as a file: carried in the binary, written to a private directory, preloaded from there.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::support::atomic_file;

/// The library; empty where there is none for this platform.
pub const TRACER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cmdx_memory.so"));

/// Others may not even look: whoever can write the library runs code in the user's programs.
const PRIVATE: u32 = 0o700;

/// Where the library may be kept, best first: the user's cache, then a folder of this user's in the temporary
/// directory. The loader splits its list at blanks and colons, so a path with such is none.
pub fn tracer_directories() -> Vec<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    let own = format!("cmdx-{}", geteuid());
    let candidates = [cache.map(|cache| cache.join("cmdx")), Some(std::env::temp_dir().join(&own))];
    let can_be_listed = |path: &PathBuf| path.to_str().is_some_and(|text| !text.contains([' ', ':', '\t', '\n']));
    candidates.into_iter().flatten().filter(can_be_listed).collect()
}

/// Writes the library into `directory`, made if it is not there, under a name that tells its content.
///
/// # Errors
/// When it cannot be written, or when the directory is not this user's alone.
pub fn install_tracer(directory: &Path) -> io::Result<PathBuf> {
    if TRACER.is_empty() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "there is no tracer for this platform"));
    }
    match DirBuilder::new().recursive(false).mode(PRIVATE).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = directory.parent() {
                fs::create_dir_all(parent)?;
            }
            DirBuilder::new().mode(PRIVATE).create(directory)?;
        }
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    refuse_shared(directory)?;
    let hash = blake3::hash(TRACER).to_hex();
    let path = directory.join(format!("memory-{}.so", &hash[..16]));
    if !fs::read(&path).is_ok_and(|present| present == TRACER) {
        atomic_file::write(&path, TRACER)?;
    }
    Ok(path)
}

/// A directory that others own or may write to could hold their code under our name.
fn refuse_shared(directory: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(directory)?;
    let is_private = found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & 0o022 == 0;
    if is_private {
        return Ok(());
    }
    let message = format!("`{}` is not this user's alone", directory.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

/// Variables that make a program and its children load the library; `preloaded` is what would be preloaded without it.
pub fn tracer_environment(library: &Path, logs: &Path, preloaded: Option<&str>) -> Vec<(String, OsString)> {
    let mut list = library.as_os_str().to_owned();
    if let Some(preloaded) = preloaded.filter(|preloaded| !preloaded.is_empty()) {
        list.push(":");
        list.push(preloaded);
    }
    vec![("LD_PRELOAD".into(), list), ("CMDX_MEMORY_LOGS".into(), logs.into())]
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_binary_carries_a_tracer_where_there_is_one() {
        let has_one = cfg!(all(target_os = "linux", target_arch = "x86_64"));
        assert_eq!(TRACER.starts_with(b"\x7fELF"), has_one);
    }

    #[test]
    fn the_library_is_written_to_a_directory_of_ones_own() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let directory = home.path().join("cache/cmdx");
        let path = install_tracer(&directory).expect("writable");
        assert_eq!(fs::read(&path).expect("written"), TRACER);
        assert_eq!(fs::metadata(&directory).expect("made").mode() & 0o777, PRIVATE);
        assert_eq!(install_tracer(&directory).expect("a second time"), path);
    }

    #[test]
    fn a_library_that_was_changed_is_replaced() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let directory = home.path().join("cmdx");
        let path = install_tracer(&directory).expect("writable");
        atomic_file::write(&path, b"something else").expect("writable");
        install_tracer(&directory).expect("a second time");
        assert_eq!(fs::read(&path).expect("written"), TRACER);
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_refused() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let directory = home.path().join("cmdx");
        fs::create_dir(&directory).expect("writable");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).expect("ours");
        let error = install_tracer(&directory).expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let link = home.path().join("link");
        std::os::unix::fs::symlink(home.path(), &link).expect("writable");
        assert!(install_tracer(&link).is_err(), "a link may lead anywhere");
    }

    #[test]
    fn what_was_preloaded_stays_behind_the_tracer() {
        let of = |preloaded| tracer_environment(Path::new("/c/m.so"), Path::new("/logs"), preloaded)[0].1.clone();
        assert_eq!(of(Some("/usr/lib/libjemalloc.so")), "/c/m.so:/usr/lib/libjemalloc.so");
        assert_eq!(of(None), "/c/m.so");
    }
}
