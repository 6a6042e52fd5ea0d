//! Files are opened to be read here, and nowhere else: those that a user names, those that a folder holds.
//!
//! Only regular files are read. A named pipe would wait for a writer for ever, `/dev/zero` never ends, and opening some
//! devices does something; a name in a foreign folder can be a link to any of them.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::Path;

/// Bytes of manifests, results, tasks and other files of ours at most: those of a million slices are a fifth of it.
pub const STATE: u64 = 512 << 20;
/// Bytes of any file that is read into memory at once, at most.
const WHOLE: u64 = 64 << 30;

/// Opens a regular file, or whatever a link to one leads to. Never waits.
///
/// # Errors
/// Those of the system; for anything but a regular file what it is, and what was expected.
pub fn open(path: &Path) -> Result<File> {
    // First by name: opening a device can already do something.
    regular(&std::fs::metadata(path)?)?;
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // The name may mean something else by now. Regular files do not know the flag.
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// Whether [`open`] would refuse it: for libraries that open files themselves.
///
/// # Errors
/// As [`open`].
pub fn check(path: &Path) -> Result<()> {
    open(path).map(drop)
}

/// The whole file.
///
/// # Errors
/// As [`open`].
pub fn bytes(path: &Path) -> Result<Vec<u8>> {
    up_to(path, WHOLE)
}

/// The whole of a file of ours, of at most [`STATE`] bytes.
///
/// # Errors
/// As [`open`]; when it is larger.
pub fn state(path: &Path) -> Result<Vec<u8>> {
    up_to(path, STATE)
}

/// The same as text.
///
/// # Errors
/// As [`state`]; when it is not UTF-8.
pub fn text(path: &Path) -> Result<String> {
    String::from_utf8(state(path)?).map_err(|_| {
        Error::new(ErrorKind::InvalidData, "bytes that are no text, expected a text in UTF-8")
    })
}

fn up_to(path: &Path, most: u64) -> Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    let too_long = |length: &str| {
        Error::new(ErrorKind::FileTooLarge, format!("{length} bytes, expected at most {most}"))
    };
    if length > most {
        return Err(too_long(&length.to_string()));
    }
    let mut bytes = Vec::new();
    // Without the room this is an error; growing as it reads would end the process.
    bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))?;
    // It may grow meanwhile.
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_long("more than expected"));
    }
    Ok(bytes)
}

/// Opens a log of ours to write at its end, and makes it where there is none. A link is not followed: a folder that
/// somebody else made could have one that leads to any file.
///
/// # Errors
/// Those of the system; when it is no regular file.
pub fn append(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.create(true).append(true);
    own(&mut options);
    let file = options.open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// Makes opening refuse links, and never wait: for files of ours that are changed where they lie.
pub(crate) fn own(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags((OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed());
    }
}

pub(crate) fn regular(found: &Metadata) -> Result<()> {
    if found.is_file() {
        return Ok(());
    }
    let what = kind(found.file_type());
    Err(Error::new(ErrorKind::InvalidInput, format!("{what}, expected a regular file")))
}

fn kind(found: FileType) -> &'static str {
    if found.is_dir() {
        return "a folder";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if found.is_fifo() {
            return "a named pipe";
        } else if found.is_socket() {
            return "a socket";
        } else if found.is_char_device() || found.is_block_device() {
            return "a device";
        }
    }
    "something else"
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn pipe(path: &Path) {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once_also_behind_links() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "text").unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        pipe(&at("pipe"));
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (link, target) in [
            ("to-file", at("file")),
            ("to-pipe", at("pipe")),
            ("zero", "/dev/zero".into()),
            ("null", "/dev/null".into()),
            ("gone", at("nothing")),
        ] {
            symlink(target, at(link)).unwrap();
        }
        assert_eq!(text(&at("to-file")).unwrap(), "text");
        for (name, part) in [
            ("folder", "a folder"),
            ("pipe", "a named pipe"),
            ("to-pipe", "a named pipe"),
            ("socket", "a socket"),
            ("zero", "a device"),
            ("null", "a device"),
        ] {
            for error in [bytes(&at(name)).unwrap_err(), check(&at(name)).unwrap_err()] {
                assert_eq!(error.to_string(), format!("{part}, expected a regular file"), "{name}");
            }
        }
        assert_eq!(open(&at("gone")).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_log_that_is_a_link_or_a_pipe_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("precious"), "text").unwrap();
        pipe(&at("pipe"));
        for (link, target) in [("to-file", "precious"), ("to-nothing", "new"), ("to-pipe", "pipe")]
        {
            symlink(at(target), at(link)).unwrap();
            assert!(append(&at(link)).is_err(), "{link}");
        }
        assert!(append(&at("pipe")).is_err());
        assert!(!at("new").exists());
        for _ in 0..2 {
            std::io::Write::write_all(&mut append(&at("log")).unwrap(), b"line\n").unwrap();
        }
        assert_eq!(text(&at("log")).unwrap(), "line\nline\n");
    }

    #[test]
    fn a_file_of_holes_larger_than_any_of_ours_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        for error in [state(&path).unwrap_err(), bytes(&path).unwrap_err()] {
            assert!(error.to_string().contains("1099511627776 bytes, expected at most"), "{error}");
        }
        std::fs::write(&path, b"\xff").unwrap();
        assert!(text(&path).unwrap_err().to_string().contains("expected a text in UTF-8"));
    }
}
