//! `stats.jsonl` and TensorBoard event files, written line by line.

use super::line::Stat;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use vesalius_data::files::publish::write_file;

/// Both files of one run.
#[derive(Debug)]
pub struct StatsLog {
    path: PathBuf,
    lines: BufWriter<File>,
    events: BufWriter<File>,
}

impl StatsLog {
    /// Continues the run's files after `images` images: lines from later, of an attempt that was killed before its
    /// next checkpoint, are dropped, because the resumed training writes them again.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn open(run: &Path, images: u64) -> Result<Self> {
        let path = run.join("stats.jsonl");
        let kept: String = match vesalius_data::files::read::text(&path) {
            Ok(text) => text
                .lines()
                .filter(|line| {
                    serde_json::from_str::<Stat>(line)
                        .is_ok_and(|stat| stat.kimg * 1000.0 < images as f64 + 0.5)
                })
                .flat_map(|line| [line, "\n"])
                .collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("{}: cannot be read", path.display()));
            }
        };
        write_file(&path, kept.as_bytes())?;
        let open = || File::options().append(true).open(&path);
        let lines = open().with_context(|| format!("{}: cannot be written", path.display()))?;
        let name = format!(
            "events.out.tfevents.{:010}.vesalius.{}",
            unix_secs() as u64,
            std::process::id()
        );
        let events_path = run.join(name);
        let events = File::create(&events_path)
            .with_context(|| format!("{}: cannot be written", events_path.display()))?;
        let mut log = Self { path, lines: BufWriter::new(lines), events: BufWriter::new(events) };
        // The version record that every event file starts with, then "a session starts here", which makes TensorBoard
        // drop this step and later ones of earlier files: the next image's, because the line of the last one is kept.
        log.event(&field_bytes(3, b"brain.Event:2"))?;
        let mut start = field_varint(2, images + 1);
        start.extend(field_bytes(7, &field_varint(1, 1)));
        log.event(&start)?;
        Ok(log)
    }

    /// Appends a line.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn push(&mut self, stat: &Stat) -> Result<()> {
        let failure = || format!("{}: cannot be written", self.path.display());
        serde_json::to_writer(&mut self.lines, stat).with_context(failure)?;
        self.lines.write_all(b"\n").with_context(failure)?;
        let scalars = (stat.losses.iter().map(|(name, loss)| (format!("loss/{name}"), *loss)))
            .chain([("images_per_sec".to_owned(), stat.images_per_sec)])
            .chain(stat.frechet_distance.map(|value| ("frechet_distance".to_owned(), value)))
            .chain(stat.gauges.iter().map(|(name, value)| (name.clone(), *value)));
        let mut summary = Vec::new();
        for (tag, value) in scalars {
            let mut scalar = field_bytes(1, tag.as_bytes());
            scalar.push(2 << 3 | 5); // simple_value, 32 bits
            scalar.extend((value as f32).to_le_bytes());
            summary.extend(field_bytes(1, &scalar));
        }
        let mut event = field_varint(2, (stat.kimg * 1000.0).round() as u64);
        event.extend(field_bytes(5, &summary));
        self.event(&event)?;
        self.flush()
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn flush(&mut self) -> Result<()> {
        self.lines
            .flush()
            .and_then(|()| self.events.flush())
            .with_context(|| format!("{}: cannot be written", self.path.display()))
    }

    /// Flushes the lines to the disk: a checkpoint that is published after them is never ahead of its statistics.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn sync(&mut self) -> Result<()> {
        self.flush()?;
        self.lines
            .get_ref()
            .sync_all()
            .with_context(|| format!("{}: cannot be flushed to the disk", self.path.display()))
    }

    /// One `Event` message (tensorflow/core/util/event.proto) with the current time, framed as a TFRecord: length,
    /// its masked CRC-32C, content, its masked CRC-32C.
    fn event(&mut self, fields: &[u8]) -> Result<()> {
        let mut message = vec![1 << 3 | 1]; // wall_time, 64 bits
        message.extend(unix_secs().to_le_bytes());
        message.extend_from_slice(fields);
        let length = (message.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked_crc(&length).to_le_bytes());
        record.extend_from_slice(&message);
        record.extend(masked_crc(&message).to_le_bytes());
        self.events
            .write_all(&record)
            .with_context(|| format!("{}: event file cannot be written", self.path.display()))
    }
}

fn unix_secs() -> f64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn field_varint(field: u8, value: u64) -> Vec<u8> {
    let mut bytes = vec![field << 3];
    bytes.extend(varint(value));
    bytes
}

fn field_bytes(field: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![field << 3 | 2];
    bytes.extend(varint(content.len() as u64));
    bytes.extend_from_slice(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(kimg: f64) -> Stat {
        Stat {
            kimg,
            losses: [("discriminator".to_owned(), 1.0), ("generator".to_owned(), 2.0)].into(),
            images_per_sec: 3.0,
            wall_secs: 4.0,
            ..Stat::default()
        }
    }

    #[test]
    fn a_resumed_log_drops_what_will_be_written_again() {
        let run = tempfile::tempdir().unwrap();
        let mut log = StatsLog::open(run.path(), 0).unwrap();
        for kimg in [0.5, 1.0, 1.5] {
            log.push(&stat(kimg)).unwrap();
        }
        drop(log);
        let mut log = StatsLog::open(run.path(), 1000).unwrap();
        log.push(&stat(1.5)).unwrap();
        drop(log);
        let text = std::fs::read_to_string(run.path().join("stats.jsonl")).unwrap();
        let kimgs: Vec<f64> =
            text.lines().map(|line| serde_json::from_str::<Stat>(line).unwrap().kimg).collect();
        assert_eq!(kimgs, [0.5, 1.0, 1.5]);
    }

    /// CRC-32C bit by bit, masked as TFRecords have it: no line of it is shared with the writer.
    fn checksum(bytes: &[u8]) -> u32 {
        let crc = !bytes.iter().fold(!0_u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 }
            })
        });
        crc.rotate_right(15).wrapping_add(0xa282_ead8)
    }

    /// Contents of the records of a TFRecord file, each length and checksum verified.
    fn records(mut file: &[u8]) -> Vec<Vec<u8>> {
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
        let mut records = Vec::new();
        while !file.is_empty() {
            let (head, rest) = file.split_at(12);
            assert_eq!(number(&head[8..]), checksum(&head[..8]), "of a length");
            let length = u64::from_le_bytes(head[..8].try_into().unwrap()) as usize;
            let (content, rest) = rest.split_at(length);
            let (sum, rest) = rest.split_at(4);
            assert_eq!(number(sum), checksum(content), "of a content");
            records.push(content.to_vec());
            file = rest;
        }
        records
    }

    /// Contents of the records of a run's only event file.
    fn event_records(run: &Path) -> Vec<Vec<u8>> {
        let paths = std::fs::read_dir(run).unwrap().map(|entry| entry.unwrap().path());
        let is_event_file = |path: &PathBuf| path.to_string_lossy().contains("events.out.tfevents");
        let files: Vec<PathBuf> = paths.filter(is_event_file).collect();
        assert_eq!(files.len(), 1);
        records(&std::fs::read(&files[0]).unwrap())
    }

    #[test]
    fn an_event_file_is_whole_records_that_tensorboard_can_read() {
        // A published value: CRC-32C of "123456789" is e3069283.
        let masked = 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(checksum(b"123456789"), masked);
        let run = tempfile::tempdir().unwrap();
        let mut log = StatsLog::open(run.path(), 0).unwrap();
        log.push(&stat(0.5)).unwrap();
        let gauges = [("augment_p".to_owned(), 0.25)].into();
        let measured = Stat { frechet_distance: Some(7.0), gauges, ..stat(1.0) };
        log.push(&measured).unwrap();
        drop(log);
        let records = event_records(run.path());
        assert_eq!(records.len(), 4, "a version, a start and two lines");
        let holds =
            |i: usize, part: &[u8]| records[i].windows(part.len()).any(|window| window == part);
        assert!(holds(0, b"brain.Event:2"));
        let tag = b"frechet_distance";
        assert!(!holds(2, tag) && holds(3, tag));
        // In the order of version 0.1.
        let at = |tag: &[u8]| records[3].windows(tag.len()).position(|window| window == tag);
        let tags = ["loss/discriminator", "loss/generator", "images_per_sec", "frechet_distance"];
        let places: Vec<usize> =
            tags.iter().chain(&["augment_p"]).map(|tag| at(tag.as_bytes()).unwrap()).collect();
        assert!(places.is_sorted(), "{places:?}");
        // The tag is followed by the key of a 32-bit float and the float.
        let distance = [&tag[..], &[2 << 3 | 5], &7.0_f32.to_le_bytes()].concat();
        assert!(holds(3, &distance));
    }

    /// TensorBoard drops the step that a session's start names; a checkpoint is saved with the line of its last image.
    #[test]
    fn a_resumed_session_starts_behind_the_line_of_its_checkpoint() {
        let run = tempfile::tempdir().unwrap();
        drop(StatsLog::open(run.path(), 1000).unwrap());
        let records = event_records(run.path());
        assert_eq!(records.len(), 2, "a version and a start");
        // Behind the time: step 1001 in two bytes of seven bits, then a session log of two bytes, its status START (1).
        assert_eq!(records[1][9..], [2 << 3, 0xe9, 0x07, 7 << 3 | 2, 2, 1 << 3, 1]);
    }
}
