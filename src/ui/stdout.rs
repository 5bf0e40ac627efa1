//! Standard output, which a reader may close at any time: `cmdx … | head` ends quietly.

use std::io::{self, ErrorKind, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A stream that takes no more once its reader is gone.
pub(super) struct Pipe {
    inner: Box<dyn Write + Send>,
    is_closed: bool,
}

impl Pipe {
    pub(super) fn new(inner: Box<dyn Write + Send>) -> Self {
        Self { inner, is_closed: false }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn quietly<T>(&mut self, result: io::Result<T>, ended: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(ended)
            }
            other => other,
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_closed {
            return Ok(bytes.len());
        }
        let result = self.inner.write(bytes);
        self.quietly(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let result = self.inner.flush();
        self.quietly(result, ())
    }
}

/// Standard output, held for as long as the answer is written.
pub struct Stdout<'a>(MutexGuard<'a, Pipe>);

impl<'a> Stdout<'a> {
    pub(super) fn of(pipe: &'a Mutex<Pipe>) -> Self {
        Self(lock(pipe))
    }
}

impl Write for Stdout<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A stream stays usable after a panic elsewhere: the message about it has to go out.
pub(super) fn lock(pipe: &Mutex<Pipe>) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}
