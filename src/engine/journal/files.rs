//! Bytes, modes and times of single files: staged beside the journal, moved into place in one step.

use std::fs::{self, File, FileTimes, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::manifest::Stamp;

/// Writes a new file and waits until it is on disk.
pub(super) fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

pub(super) fn stamp_of(metadata: &fs::Metadata) -> Stamp {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Stamp {
        mode: metadata.permissions().mode() & 0o7777,
        modified_seconds: since.as_secs(),
        modified_nanoseconds: since.subsec_nanos(),
    }
}

/// Gives a staged file the owner and mode of the file it will replace, and the time when one is asked for.
pub(super) fn dress(staged: &Path, replaced: &fs::Metadata, mode: u32, time: Option<Stamp>) -> io::Result<()> {
    let own = fs::metadata(staged)?;
    if (own.uid(), own.gid()) != (replaced.uid(), replaced.gid()) {
        // Only root may give files away; for others the file stays theirs, as with every editor that renames.
        let _kept_ours = chown(staged, Some(replaced.uid()), Some(replaced.gid()));
    }
    let file = File::options().write(true).open(staged)?;
    if let Some(stamp) = time {
        let modified = UNIX_EPOCH + Duration::new(stamp.modified_seconds, stamp.modified_nanoseconds);
        file.set_times(FileTimes::new().set_modified(modified))?;
    }
    // Last: a mode without write permission would lock ourselves out.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Moves `staged` to `target` in one step; through `neighbour` when they lie on different file systems.
pub(super) fn replace(staged: &Path, neighbour: &Path, target: &Path) -> io::Result<()> {
    match fs::rename(staged, target) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let metadata = fs::metadata(staged)?;
            let moved = write_synced(neighbour, &fs::read(staged)?)
                .and_then(|()| {
                    dress(neighbour, &fs::metadata(target)?, stamp_of(&metadata).mode, Some(stamp_of(&metadata)))
                })
                .and_then(|()| fs::rename(neighbour, target));
            if moved.is_err() {
                let _gone_is_fine = fs::remove_file(neighbour);
            }
            moved?;
        }
        other => other?,
    }
    target.parent().map_or(Ok(()), sync_directory)
}
