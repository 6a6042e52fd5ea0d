//! Is the write-ahead log whole? SQLite reads it up to the first frame whose checksum is wrong and drops the rest
//! without a
//! word: right after a power cut, where the rest is one transaction that nobody was told of, and wrong for damage,
//! where
//! acknowledged answers are in it. A log is there when a server was killed or is at work.
//!
//! Format: <https://www.sqlite.org/fileformat2.html#walformat>

use anyhow::{Context as _, Result, bail};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A fault that is seen so often in a row is one; less often, a server beside this process was writing just then.
const LOOKS: usize = 4;
const BETWEEN: Duration = Duration::from_millis(60);
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    /// Nothing in it can be used.
    Header,
    /// From this frame on it is no log, and later frames are of more than one transaction.
    Middle { frame: usize },
    /// The same, but of one transaction at most.
    Tail { frame: usize },
}

/// Path of the log of a database.
pub fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    path.into()
}

/// Looks at the log of a database before SQLite does; gives a remark where its last transaction is incomplete.
///
/// # Errors
/// When it is damaged, so that acknowledged answers would be lost.
pub fn check(database: &Path) -> Result<Option<String>> {
    let path = beside(database);
    let mut last = None;
    let mut seen = 0;
    // Ends: each round either sees the same again or begins to count anew, at most so often.
    for _ in 0..LOOKS * 8 {
        let bytes = match vesalius_data::files::read::bytes(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("{}: cannot be read", path.display()));
            }
        };
        let Some(found) = fault(&bytes) else { return Ok(None) };
        let found = Some((bytes.len(), found));
        seen = if found == last { seen + 1 } else { 1 };
        last = found;
        if seen == LOOKS {
            break;
        }
        std::thread::sleep(BETWEEN);
    }
    let shown = path.display();
    match last {
        None => Ok(None),
        Some((_, Fault::Header)) => {
            bail!(
                "{shown}: damaged in its header; expected a whole log: go back to a copy of the folder"
            )
        }
        Some((_, Fault::Middle { frame })) => bail!(
            "{shown}: damaged in frame {frame}, and answers after it would be lost; expected a whole log: go back to a copy \
             of the folder"
        ),
        Some((_, Fault::Tail { frame })) => Ok(Some(format!(
            "{shown}: incomplete from frame {frame} on: power failed while an answer was being saved, or the last answer is \
             damaged; it is left out"
        ))),
    }
}

fn fault(log: &[u8]) -> Option<Fault> {
    if log.is_empty() {
        return None;
    }
    let Some(header) = Header::parse(log) else { return Some(Fault::Header) };
    let frames: Vec<&[u8]> = log[HEADER..].chunks(FRAME_HEADER + header.page).collect();
    let mut sum = header.sum;
    let good = frames.iter().take_while(|frame| header.follows(frame, &mut sum)).count();
    let rest = &frames[good..];
    // Frames of this log, not of an earlier one in the same file; whether each ends a transaction.
    let ends: Vec<bool> =
        rest.iter().filter(|frame| header.owns(frame)).map(|frame| word(frame, 4) != 0).collect();
    // Something after a transaction that ended: at least two are in the rest.
    if ends.iter().rev().skip(1).any(|&end| end) {
        return Some(Fault::Middle { frame: good + 1 });
    }
    let explained = rest.first().is_none_or(|frame| header.is_older(frame));
    (!explained || !ends.is_empty()).then_some(Fault::Tail { frame: good + 1 })
}

struct Header {
    /// Words of checksums are of this order.
    big_endian: bool,
    /// Bytes of a page.
    page: usize,
    /// How often the log began anew.
    begun: u32,
    salts: [u32; 2],
    sum: [u32; 2],
}

impl Header {
    fn parse(log: &[u8]) -> Option<Self> {
        let header = log.get(..HEADER)?;
        let big_endian = match word(header, 0) {
            0x377f_0682 => false,
            0x377f_0683 => true,
            _ => return None,
        };
        let page = word(header, 8) as usize;
        let sum = checksum(&header[..24], [0; 2], big_endian);
        let good = page.is_power_of_two()
            && (512..=65536).contains(&page)
            && sum == [word(header, 24), word(header, 28)];
        let salts = [word(header, 16), word(header, 20)];
        good.then(|| Self { big_endian, page, begun: word(header, 12), salts, sum })
    }

    fn owns(&self, frame: &[u8]) -> bool {
        frame.len() >= FRAME_HEADER && [word(frame, 8), word(frame, 12)] == self.salts
    }

    /// Whether a frame is whole and the next of this log.
    fn follows(&self, frame: &[u8], sum: &mut [u32; 2]) -> bool {
        if frame.len() != FRAME_HEADER + self.page || !self.owns(frame) {
            return false;
        }
        let next = checksum(&frame[..8], *sum, self.big_endian);
        *sum = checksum(&frame[FRAME_HEADER..], next, self.big_endian);
        *sum == [word(frame, 16), word(frame, 20)]
    }

    /// Whether a frame was left by an earlier log: each adds one to the first salt.
    fn is_older(&self, frame: &[u8]) -> bool {
        let age = frame.get(8..12).map(|salt| self.salts[0].wrapping_sub(word(salt, 0)));
        age.is_some_and(|age| (1..=self.begun).contains(&age))
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn checksum(bytes: &[u8], mut sum: [u32; 2], big_endian: bool) -> [u32; 2] {
    let read = |four: &[u8]| {
        let four = [four[0], four[1], four[2], four[3]];
        if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
    };
    for pair in bytes.chunks_exact(8) {
        sum[0] = sum[0].wrapping_add(read(&pair[..4])).wrapping_add(sum[1]);
        sum[1] = sum[1].wrapping_add(read(&pair[4..])).wrapping_add(sum[0]);
    }
    sum
}
