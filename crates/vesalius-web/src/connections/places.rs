//! Places for connections: so many in all and of one address. Where none is left, the connection that can best be
//! spared
//! makes room: a client that does not read never holds up one that does, not even from the same address.

use super::meter::Meter;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;
use vesalius_data::say;

/// Connections at once.
const MOST: usize = 2048;
/// File descriptors that are no client's: the test's file, a study's folders, the listener.
const OTHER_FILES: u64 = 128;
/// So many more are closed with the one that makes room, where they have been waiting for long (times their weight, see
/// [`Meter::spare`]): a look at all connections for each new one would be what slows the others.
const MORE: usize = 31;
const LONG: Duration = Duration::from_secs(4);
/// Between two remarks that there is no room.
const REMARK: Duration = Duration::from_mins(1);
/// Quiet for less, a client may still be reading: it is not cut off when the server ends.
const QUIET: Duration = Duration::from_secs(1);

/// All places.
#[derive(Debug)]
pub struct Places {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    places: HashMap<u64, Place>,
    by_network: HashMap<IpAddr, usize>,
    remarked: Option<Instant>,
}

#[derive(Debug)]
struct Place {
    network: IpAddr,
    meter: Arc<Meter>,
    connection: AbortHandle,
}

impl Places {
    /// As many as this process may have files open for, 2,048 at most.
    pub fn new() -> Self {
        Self::of(files().saturating_sub(OTHER_FILES).clamp(16, MOST as u64) as usize)
    }

    fn of(most: usize) -> Self {
        Self { most, taken: Mutex::default() }
    }

    /// How many of one address: half. A clinic behind one address is 512 browsers with two connections each, and others
    /// still get in. This machine itself has no limit: a proxy in front is everybody.
    fn most_of(&self, network: IpAddr) -> usize {
        if network.is_loopback() { self.most } else { self.most / 2 }
    }

    /// Gives a place to a connection that `begin` starts (with a number for [`Places::leave`]); none where every
    /// connection
    /// that could make room is at work.
    pub fn take(
        &self,
        address: IpAddr,
        meter: &Arc<Meter>,
        begin: impl FnOnce(u64) -> AbortHandle,
    ) -> bool {
        let network = network(address);
        let mut taken = self.locked();
        let own = taken.by_network.get(&network).copied().unwrap_or(0);
        let room = if own >= self.most_of(network) {
            taken.make_room(Some(network))
        } else {
            taken.places.len() < self.most || taken.make_room(None)
        };
        if room {
            taken.next += 1;
            let number = taken.next;
            let place = Place { network, meter: Arc::clone(meter), connection: begin(number) };
            taken.places.insert(number, place);
            *taken.by_network.entry(network).or_default() += 1;
        }
        room
    }

    /// A connection ended.
    pub fn leave(&self, number: u64) {
        self.locked().remove(number);
    }

    /// Closes the connection that can best be spared: there are no file descriptors left.
    pub fn make_room(&self) {
        self.locked().make_room(None);
    }

    /// Closes all that wait for a client which does nothing, and streams that never end.
    pub fn close_waiting(&self) {
        let (mut taken, now) = (self.locked(), Instant::now());
        let waits = |place: &Place| {
            let meter = &place.meter;
            meter.is_endless() || (meter.spare(now).is_some() && meter.quiet(now) > QUIET)
        };
        let numbers: Vec<u64> =
            taken.places.iter().filter(|(_, place)| waits(place)).map(|(&n, _)| n).collect();
        for number in numbers {
            taken.cut(number);
        }
    }

    fn locked(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn make_room(&mut self, network: Option<IpAddr>) -> bool {
        let of_network =
            self.places.iter().filter(|(_, place)| network.is_none_or(|n| n == place.network));
        let now = Instant::now();
        let mut spare: Vec<(Duration, u64)> = of_network
            .filter_map(|(&number, place)| Some((place.meter.spare(now)?, number)))
            .collect();
        spare.sort_unstable_by(|a, b| b.cmp(a));
        let Some(&(_, first)) = spare.first() else { return false };
        self.cut(first);
        for &(_, number) in spare[1..].iter().take(MORE).take_while(|(spare, _)| *spare > LONG) {
            self.cut(number);
        }
        if self.remarked.is_none_or(|at| at.elapsed() > REMARK) {
            self.remarked = Some(Instant::now());
            say!(
                "note: no room for more connections: those that wait longest for their client are closed"
            );
        }
        true
    }

    fn cut(&mut self, number: u64) {
        if let Some(place) = self.remove(number) {
            place.meter.cut();
            place.connection.abort();
        }
    }

    fn remove(&mut self, number: u64) -> Option<Place> {
        let place = self.places.remove(&number)?;
        let own = self.by_network.get_mut(&place.network).expect("counted when it was taken");
        *own -= 1;
        if *own == 0 {
            self.by_network.remove(&place.network);
        }
        Some(place)
    }
}

/// What counts as one address: of IPv6 the first half, because whoever has one of those has all of it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(long) if !long.is_loopback() => {
            Ipv6Addr::from_bits(long.to_bits() & (u128::MAX << 64)).into()
        }
        other => other,
    }
}

/// Files that this process may have open, after asking for as many as it may ask for.
#[cfg(unix)]
fn files() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let wish = MOST as u64 + OTHER_FILES;
    if limit.current.is_some_and(|current| current < wish) {
        let may = limit.maximum.map_or(wish, |maximum| maximum.min(wish));
        limit.current = limit.current.max(Some(may));
        let _ = setrlimit(Resource::Nofile, limit);
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(not(unix))]
fn files() -> u64 {
    u64::MAX
}

#[cfg(test)]
mod tests {
    use super::super::meter::Phase;
    use super::*;

    fn with(test: impl FnOnce(&dyn Fn(&Places, &str, &Arc<Meter>) -> bool)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let begin = |_| runtime.spawn(std::future::pending::<()>()).abort_handle();
        test(&|places, address, meter| places.take(address.parse().unwrap(), meter, begin));
    }

    fn meters(count: usize) -> Vec<Arc<Meter>> {
        (0..count).map(|_| Arc::new(Meter::new())).collect()
    }

    fn cut(meters: &[Arc<Meter>]) -> Vec<usize> {
        (0..meters.len()).filter(|&i| meters[i].is_cut()).collect()
    }

    #[test]
    fn the_connection_that_can_best_be_spared_makes_room() {
        with(|take| {
            let (places, meters) = (Places::of(4), meters(8));
            for meter in &meters[..4] {
                assert!(take(&places, "127.0.0.1", meter));
            }
            meters[0].enter(Phase::Work);
            meters[1].enter(Phase::Answer);
            meters[2].enter(Phase::Answer);
            meters[2].stall();
            meters[3].enter(Phase::Events);
            std::thread::sleep(Duration::from_millis(20));
            assert!(take(&places, "127.0.0.1", &meters[4]));
            assert_eq!(cut(&meters), [2], "who does not read goes first");
            std::thread::sleep(Duration::from_millis(20));
            assert!(take(&places, "127.0.0.1", &meters[5]));
            assert_eq!(cut(&meters), [2, 4], "then who asked nothing");
            meters[5].enter(Phase::Work);
            assert!(!take(&places, "127.0.0.1", &meters[6]), "all are at work");
            meters[0].enter(Phase::Head);
            std::thread::sleep(Duration::from_millis(20));
            assert!(take(&places, "127.0.0.1", &meters[7]));
            assert_eq!(cut(&meters), [0, 2, 4]);
            places.close_waiting();
            assert_eq!(cut(&meters), [0, 2, 3, 4], "events never end by themselves");
        });
    }

    #[test]
    fn one_address_has_half_of_the_places_and_makes_room_in_its_own() {
        with(|take| {
            let (places, meters) = (Places::of(4), meters(6));
            for (meter, address) in meters.iter().zip([
                "192.0.2.1",
                "2001:db8::1",
                "2001:db8::2:0:0:1",
                // The third of one network, in another of its addresses.
                "2001:db8::ffff",
                "::ffff:192.0.2.1",
                "192.0.2.1",
            ]) {
                assert!(take(&places, address, meter), "{address}");
                std::thread::sleep(Duration::from_millis(5));
            }
            assert_eq!(cut(&meters), [0, 1]);
        });
    }
}
