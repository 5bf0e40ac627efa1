//! Database servers for the tests, started in a temporary directory and stopped with the last test that uses them.
//! A test that lacks its server says so loudly and passes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// A first start on a loaded machine takes several seconds.
const START_DEADLINE: Duration = Duration::from_mins(1);

/// A running server; stopped when dropped.
pub(crate) struct Server {
    /// Directory of its socket (PostgreSQL), or the socket itself (MariaDB).
    pub(crate) socket: PathBuf,
    stop: Command,
    _directory: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.stdout(Stdio::null()).stderr(Stdio::null()).status());
    }
}

/// A PostgreSQL server with trust authentication and user and database `postgres`.
pub(crate) fn postgresql() -> Option<Arc<Server>> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    shared(&SHARED, "PostgreSQL", start_postgresql)
}

/// A MariaDB server whose root has no password.
pub(crate) fn mariadb() -> Option<Arc<Server>> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    shared(&SHARED, "MariaDB", start_mariadb)
}

fn shared(slot: &Mutex<Weak<Server>>, name: &str, start: fn() -> Option<Server>) -> Option<Arc<Server>> {
    let mut slot = slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(server) = slot.upgrade() {
        return Some(server);
    }
    let Some(server) = start() else {
        eprintln!("SKIPPED: no {name} server can be started on this machine");
        return None;
    };
    let server = Arc::new(server);
    *slot = Arc::downgrade(&server);
    Some(server)
}

fn start_postgresql() -> Option<Server> {
    let binaries = postgresql_binaries()?;
    let (directory, base) = directory_of("postgres")?;
    let data = base.join("data");
    let command = |name: &str| as_user("postgres", &binaries.join(name), &base);
    let made = command("initdb").arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust", "--no-sync"]).output();
    if !made.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let options = format!("-c listen_addresses= -c fsync=off -k {}", base.display());
    let mut start = command("pg_ctl");
    start.arg("-D").arg(&data).arg("-l").arg(base.join("log")).args(["-o", &options, "-w", "start"]);
    // The server keeps what it inherits; a pipe would never end.
    let started = start.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !started.is_ok_and(|status| status.success()) {
        return None;
    }
    let mut stop = command("pg_ctl");
    stop.arg("-D").arg(&data).args(["-m", "immediate", "-w", "stop"]);
    Some(Server { socket: base, stop, _directory: directory })
}

fn postgresql_binaries() -> Option<PathBuf> {
    let mut versions: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    versions.sort();
    versions.extend(std::env::var_os("PATH").iter().flat_map(|path| std::env::split_paths(path).collect::<Vec<_>>()));
    versions.into_iter().rfind(|directory| directory.join("initdb").exists() && directory.join("pg_ctl").exists())
}

fn start_mariadb() -> Option<Server> {
    let (directory, base) = directory_of("mysql")?;
    let (data, socket) = (base.join("data"), base.join("socket"));
    let made = as_user("mysql", Path::new("mariadb-install-db"), &base)
        .args(["--no-defaults", "--auth-root-authentication-method=normal"])
        .arg(format!("--datadir={}", data.display()))
        .output();
    if !made.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let server = as_user("mysql", Path::new("mariadbd"), &base)
        .args(["--no-defaults", "--skip-networking"])
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", socket.display()))
        .arg(format!("--pid-file={}", base.join("pid").display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    drop(server.ok()?);
    let deadline = Instant::now() + START_DEADLINE;
    while !socket.exists() {
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut stop = Command::new("mariadb-admin");
    stop.args(["--no-defaults", "-uroot", "shutdown"]).arg(format!("--socket={}", socket.display()));
    Some(Server { socket, stop, _directory: directory })
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

/// These servers refuse to run as root.
fn as_user(user: &str, program: &Path, directory: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", user, "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(directory);
    command
}

fn directory_of(user: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    // A socket's path may have 107 bytes at most: not below a target directory of any depth.
    let directory = tempfile::Builder::new().prefix("cmdx").tempdir_in("/tmp").ok()?;
    let path = fs::canonicalize(directory.path()).ok()?;
    if is_root() && !Command::new("chown").arg(user).arg(&path).status().is_ok_and(|status| status.success()) {
        return None;
    }
    Some((directory, path))
}
