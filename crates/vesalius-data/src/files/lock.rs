//! One coordinator per folder: a lock that the kernel frees when its holder dies, with a note of who holds it.

use crate::say;
use crate::text::{escape, strings};
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// User.
    pub owner: String,
    /// Machine.
    pub host: String,
    /// Process.
    pub pid: u32,
    /// Seconds since 1970.
    pub since_secs: u64,
}

/// Held until it is dropped, or its process dies.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Name of the file in a study's folder.
const NAME: &str = "lock.json";
/// How long a lock is waited for whose holder is gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a lock that somebody holds is asked for again.
const ASKED_EVERY: Duration = Duration::from_millis(200);
/// Bytes of it at most.
const LONGEST: u64 = 1 << 16;

impl Lock {
    /// Takes the lock of a study's folder. What a dead process of this machine left is taken over.
    ///
    /// # Errors
    /// When somebody holds it: owner, host, process and age are named.
    pub fn take(out: &Path) -> Result<Self> {
        match Self::attempt(out)? {
            Ok(lock) => Ok(lock),
            Err(Some(holder)) => bail!(
                "{}: {} coordinates here since {} ago (host {}, process {}), expected nobody; if that host is gone, \
                 remove {NAME}",
                out.display(),
                holder.owner,
                age(holder.since_secs),
                holder.host,
                holder.pid
            ),
            Err(None) => bail!("{}: somebody coordinates here, expected nobody", out.display()),
        }
    }

    /// The same, and says once what is waited for: `the judge U-Net, which another process trains`.
    ///
    /// # Errors
    /// Those of [`Lock::wait`].
    pub fn wait_for(what: &str, out: &Path, stop: &dyn Fn() -> bool) -> Result<Option<Self>> {
        Self::wait(out, stop, &|holder| {
            let who = holder.map_or_else(String::new, |holder| {
                format!(" (host {}, process {})", holder.host, holder.pid)
            });
            say!("waiting for {what}{who}; if that one is gone, remove {}", out.display());
        })
    }

    /// Takes the lock of a folder as soon as nobody holds it; `waiting` is told once who does. `None` where `stop` said so
    /// meanwhile.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn wait(
        out: &Path,
        stop: &dyn Fn() -> bool,
        waiting: &dyn Fn(Option<&Holder>),
    ) -> Result<Option<Self>> {
        let mut told = false;
        loop {
            match Self::attempt(out)? {
                Ok(lock) => return Ok(Some(lock)),
                Err(holder) if !told => waiting(holder.as_ref()),
                Err(_) => {}
            }
            told = true;
            if stop() {
                return Ok(None);
            }
            std::thread::sleep(ASKED_EVERY);
        }
    }

    /// The lock, or who holds it, where that is known.
    fn attempt(out: &Path) -> Result<Result<Self, Option<Holder>>> {
        let path = out.join(NAME);
        crate::files::publish::create_folders(out)?;
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        crate::files::read::own(&mut options);
        let file = options.open(&path);
        let mut file = file
            .and_then(|file| crate::files::read::regular(&file.metadata()?).map(|()| file))
            .with_context(|| format!("{}: cannot be opened", path.display()))?;
        let this = Holder::this();
        let started = Instant::now();
        let (locked, holder) = loop {
            let locked = match file.try_lock() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock) => false,
                Err(TryLockError::Error(error)) => {
                    return Err(error)
                        .with_context(|| format!("{}: cannot be locked", path.display()));
                }
            };
            let mut text = Vec::new();
            let _ = file.rewind();
            let _ = (&mut file).take(LONGEST).read_to_end(&mut text);
            let holder = strings::from_json::<Holder>(&text).ok();
            // A process that was killed while it started another: until that one has become its program, it holds what
            // the dead one held.
            let gone =
                |holder: &Holder| holder.host == this.host && !super::process::is_alive(holder.pid);
            if locked || !holder.as_ref().is_some_and(gone) || started.elapsed() > PATIENCE {
                break (locked, holder);
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        match holder {
            // Kernels lock for one machine; on a shared disk the note is all there is.
            Some(holder) if !locked || holder.host != this.host => return Ok(Err(Some(holder))),
            None if !locked => return Ok(Err(None)),
            _ => {}
        }
        let mut lock = Self { file };
        lock.write(&serde_json::to_string(&this)?)
            .with_context(|| format!("{}: cannot be written", path.display()))?;
        Ok(Ok(lock))
    }

    fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()
    }
}

/// Who coordinates in a study's folder, as the note says: nothing is locked, nothing is written. A process of this
/// machine
/// that is gone does not count.
pub fn holder(out: &Path) -> Option<Holder> {
    let holder: Holder =
        strings::from_json(&crate::files::read::state(&out.join(NAME)).ok()?).ok()?;
    let elsewhere = holder.host != Holder::this().host;
    (elsewhere || super::process::is_alive(holder.pid)).then_some(holder)
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file stays: removing it would let two others lock two files of one name.
        let _ = self.write("");
        let _ = self.file.unlock();
    }
}

impl Holder {
    fn this() -> Self {
        Self {
            owner: escape::terminal(
                &std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned()),
            )
            .into_owned(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            pid: std::process::id(),
            since_secs: now_secs(),
        }
    }
}

fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn age(since_secs: u64) -> String {
    let secs = now_secs().saturating_sub(since_secs);
    match secs {
        0..120 => format!("{secs} s"),
        120..7200 => format!("{} min", secs / 60),
        _ => format!("{} h", secs / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let error = Lock::take(folder.path()).unwrap_err().to_string();
        for part in ["coordinates here since", &std::process::id().to_string(), "host"] {
            assert!(error.contains(part), "{error}");
        }
        drop(first);
        Lock::take(folder.path()).unwrap();
    }

    #[test]
    fn who_waits_is_told_whom_for_and_is_next_or_stops() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let told = std::cell::RefCell::new(Vec::new());
        let waiting = |holder: Option<&Holder>| told.borrow_mut().push(holder.cloned());
        assert!(Lock::wait(folder.path(), &|| true, &waiting).unwrap().is_none(), "it was stopped");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(300));
                drop(first);
            });
            assert!(Lock::wait(folder.path(), &|| false, &waiting).unwrap().is_some());
        });
        let told = told.into_inner();
        assert_eq!(told.len(), 2, "once for each who waited: {told:?}");
        assert_eq!(told[0].as_ref().unwrap().pid, std::process::id());
    }

    #[test]
    fn a_holder_is_seen_as_long_as_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(holder(folder.path()), None);
        let lock = Lock::take(folder.path()).unwrap();
        assert_eq!(holder(folder.path()).unwrap().pid, std::process::id());
        drop(lock);
        assert_eq!(holder(folder.path()), None);
        // Killed: the note stays, its process does not (no system has so many).
        let dead = Holder { pid: i32::MAX as u32, ..Holder::this() };
        std::fs::write(folder.path().join(NAME), serde_json::to_string(&dead).unwrap()).unwrap();
        assert_eq!(holder(folder.path()), None);
    }

    #[test]
    fn what_a_dead_process_left_is_taken_over_and_another_hosts_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let left = |host: &str| {
            let holder = Holder { host: host.to_owned(), pid: 1, ..Holder::this() };
            let text = serde_json::to_string(&holder).unwrap();
            std::fs::write(folder.path().join(NAME), text).unwrap();
        };
        left(&Holder::this().host);
        drop(Lock::take(folder.path()).unwrap());
        left("elsewhere");
        let error = Lock::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains("host elsewhere"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn what_a_dead_process_handed_to_a_child_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let dead = Holder { pid: i32::MAX as u32, ..Holder::this() };
        let path = folder.path().join(NAME);
        std::fs::write(&path, serde_json::to_string(&dead).unwrap()).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        file.lock().unwrap();
        // The lock goes with the open file, which is the child's standard input until it ends.
        let mut child = std::process::Command::new("sleep").arg("0.5").stdin(file).spawn().unwrap();
        let started = Instant::now();
        Lock::take(folder.path()).unwrap();
        assert!(started.elapsed() > Duration::from_millis(200), "{:?}", started.elapsed());
        child.wait().unwrap();
    }
}
