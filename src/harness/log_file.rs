//! Keeps a child's output in a file of bounded size: all of it up to a limit, then only its end.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// A run that prints more than this floods: the start shows what it is about, the end how it ended.
const HEAD_BYTES_MAX: usize = 16 << 20;
/// What is kept of the end of a flood.
const TAIL_BYTES_MAX: usize = 256 << 10;

/// Copies `source` to `path` until its end. When writing fails the rest is still read, so that the child never blocks
/// on a full pipe, and the error is returned.
pub(super) fn capture(mut source: impl Read, path: &Path) -> io::Result<()> {
    let mut file = File::create(path);
    let mut failure = None;
    let mut n_head = 0;
    let mut n_left_out = 0_u64;
    let mut tail = VecDeque::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let taken = n.min(HEAD_BYTES_MAX - n_head);
        n_head += taken;
        if let Ok(open) = &mut file
            && failure.is_none()
        {
            failure = open.write_all(&buffer[..taken]).err();
        }
        tail.extend(&buffer[taken..n]);
        let surplus = tail.len().saturating_sub(TAIL_BYTES_MAX);
        tail.drain(..surplus);
        n_left_out += surplus as u64;
    }
    let mut file = file?;
    if n_left_out > 0 && failure.is_none() {
        writeln!(file, "\n[cmdx: {n_left_out} bytes left out]")?;
    }
    if let Some(error) = failure {
        return Err(error);
    }
    file.write_all(tail.make_contiguous())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_keeps_its_start_and_its_end() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("log");
        let flood = io::repeat(b'x').take((HEAD_BYTES_MAX + 2 * TAIL_BYTES_MAX) as u64).chain(&b"the end"[..]);
        capture(flood, &path).expect("writable");
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(text.ends_with("the end"), "the end is kept");
        assert!(text.contains("bytes left out]"));
        assert!(text.len() < HEAD_BYTES_MAX + TAIL_BYTES_MAX + 100);
    }

    #[test]
    fn a_log_that_cannot_be_written_still_drains_the_child() {
        let mut source = io::repeat(b'x').take(1 << 20);
        assert!(capture(&mut source, Path::new("/nonexistent/log")).is_err());
        assert_eq!(source.limit(), 0);
    }
}
