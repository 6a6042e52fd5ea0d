//! How often somebody may ask: a bucket of tokens each, refilled steadily.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Whose bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// A reader, by row.
    Reader(i64),
    /// The owner.
    Owner,
    /// Wrong tokens from an address. Right ones are never held up by somebody else's wrong ones.
    Stranger(IpAddr),
}

impl Who {
    /// Requests at once, and per second in the long run.
    fn allowance(self) -> (f64, f64) {
        match self {
            // A reading asks twice per image; a tab that opens asks five times.
            Self::Reader(_) => (600.0, 60.0),
            // A page of a study asks for a preview per movement of the slider.
            Self::Owner => (400.0, 100.0),
            Self::Stranger(_) => (20.0, 0.5),
        }
    }
}

/// Buckets by whom they belong to.
#[derive(Debug, Default)]
pub struct Rates {
    buckets: Mutex<HashMap<Who, (f64, Instant)>>,
}

/// Buckets that are kept at most; full ones are forgotten then.
const KEPT: usize = 10_000;

impl Rates {
    /// Takes a token; `false` when the bucket is empty.
    pub fn allow(&self, who: Who) -> bool {
        self.allow_at(who, Instant::now())
    }

    fn allow_at(&self, who: Who, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= KEPT && !buckets.contains_key(&who) {
            buckets.retain(|who, &mut (left, since)| {
                let (most, per_sec) = who.allowance();
                left + now.duration_since(since).as_secs_f64() * per_sec < most
            });
        }
        let (most, per_sec) = who.allowance();
        let (left, since) = buckets.entry(who).or_insert((most, now));
        *left = (*left + now.duration_since(*since).as_secs_f64() * per_sec).min(most);
        *since = now;
        let allowed = *left >= 1.0;
        if allowed {
            *left -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bucket_empties_and_fills_again_and_others_are_not_touched() {
        let rates = Rates::default();
        let now = Instant::now();
        let stranger = Who::Stranger([127, 0, 0, 1].into());
        let allowed = (0..100).filter(|_| rates.allow_at(stranger, now)).count();
        assert_eq!(allowed, 20);
        assert!(rates.allow_at(Who::Reader(1), now));
        assert!(!rates.allow_at(stranger, now + Duration::from_secs(1)));
        assert!(rates.allow_at(stranger, now + Duration::from_secs(3)));
    }

    #[test]
    fn strangers_do_not_fill_the_memory() {
        let rates = Rates::default();
        let now = Instant::now();
        for i in 0..30_000_u32 {
            let later = now + Duration::from_millis(u64::from(i) * 10);
            rates.allow_at(Who::Stranger(IpAddr::from(i.to_be_bytes())), later);
        }
        assert!(rates.buckets.lock().unwrap().len() <= KEPT);
    }
}
