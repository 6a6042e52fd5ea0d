//! What a client can learn of an image beside the picture: nothing.

use super::{SERVE, kinds};
use crate::Bench;
use crate::site::{Response, Server, create, given, images, packs};
use std::time::{Duration, Instant};
use vesalius_web::turing::Kind;

/// Bytes of a PNG that are neither pixels nor checksums.
fn frame(png: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = vec![png[..8].to_vec()];
    let mut at = 8;
    while at < png.len() {
        let length = u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
        parts.push(png[at..at + 8].to_vec());
        if &png[at + 4..at + 8] != b"IDAT" {
            parts.push(png[at + 8..at + 12 + length].to_vec());
        }
        at += 12 + length;
    }
    parts
}

#[test]
fn nothing_but_the_picture_tells_which_is_which() {
    let bench = Bench::new();
    packs(&bench);
    let tokens = create(&bench, &["--readers", "2", "--overlay"]);
    let server = Server::start(&bench, &SERVE);
    let reader = server.reader(&tokens[0]);
    let names = images(&reader);
    let session = String::from_utf8(reader.get("/read/session").body).unwrap();
    for word in ["real", "synthetic", "patient", "wgan", "slice", "pack"] {
        assert!(!session.contains(word), "{word} in {session}");
    }
    let mut seen: Vec<(Response, Response, Response)> = vec![];
    let mut secs = vec![Duration::MAX; names.len()];
    for _ in 0..2 {
        for (i, name) in names.iter().enumerate() {
            let started = Instant::now();
            reader.get(&format!("/read/image/{name}"));
            secs[i] = secs[i].min(started.elapsed());
        }
    }
    for (i, name) in names.iter().enumerate() {
        let started = Instant::now();
        let image = reader.get(&format!("/read/image/{name}"));
        secs[i] = secs[i].min(started.elapsed());
        let mask = reader.get(&format!("/read/mask/{name}"));
        let answer = reader.post("/read/answer", &given(name, 0, "real", 1 + i as u32 % 5));
        assert_eq!((image.status, mask.status, answer.status), (200, 200, 200));
        seen.push((image, mask, answer));
    }
    // Headers, sizes, and every byte of the files that is no pixel are the same for all; answers echo what was sent.
    let (image, mask, answer) = &seen[0];
    for (other, other_mask, other_answer) in &seen {
        assert_eq!(image.headers, other.headers);
        assert_eq!(frame(&image.body), frame(&other.body));
        assert_eq!(
            (&mask.headers, frame(&mask.body)),
            (&other_mask.headers, frame(&other_mask.body))
        );
        assert_eq!(
            (&answer.headers, answer.body.len()),
            (&other_answer.headers, other_answer.body.len())
        );
    }
    let kinds = kinds(&bench, 1);
    let split = |kind: Kind| -> Vec<f64> {
        let of_kind = secs.iter().zip(&kinds).filter(|(_, other)| **other == kind);
        of_kind.map(|(secs, _)| secs.as_secs_f64()).collect()
    };
    let (real, synthetic) = (split(Kind::Real), split(Kind::Synthetic));
    assert_eq!((real.len(), synthetic.len()), (50, 50));
    // The chance that a real image takes longer than a synthetic one: 0.5 with a standard deviation of 0.058.
    let auc = vesalius_statistics::rank::mann_whitney(&real, &synthetic) / 2500.0;
    assert!((auc - 0.5).abs() < 0.25, "times tell: {auc}");
    // Names and their order neither: a name's first digit is above 7 half of the time.
    let high = |kind: Kind| {
        let of_kind = names.iter().zip(&kinds).filter(|(_, other)| **other == kind);
        of_kind.filter(|(name, _)| name.as_bytes()[0] >= b'8').count()
    };
    assert!(high(Kind::Real).abs_diff(high(Kind::Synthetic)) < 30);
    // Another reader gets other names for the same pictures.
    assert!(images(&server.reader(&tokens[1])).iter().all(|name| !names.contains(name)));
}
