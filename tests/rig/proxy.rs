//! A slow or broken network: a TCP forwarder that delays what it carries, or carries it slowly, stalls, and cuts.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Pieces on their way in one direction: enough that the delay and not the queue is what limits.
const IN_FLIGHT: usize = 4096;

#[derive(Default)]
struct State {
    stalled: Mutex<bool>,
    moved: Condvar,
    refusing: AtomicBool,
    ended: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    bytes: AtomicU64,
    /// The most bytes a second in each direction; 0 is no limit.
    rate: AtomicU64,
}

/// Forwards connections to a target with a delay in each direction.
pub(crate) struct DelayProxy {
    address: SocketAddr,
    state: Arc<State>,
}

impl DelayProxy {
    /// Starts on a free port of the loopback address. A round trip takes twice `one_way_delay` longer through it.
    pub(crate) fn start(target: SocketAddr, one_way_delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("no free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.ended.load(Ordering::SeqCst) {
                    return;
                }
                if shared.refusing.load(Ordering::SeqCst) {
                    continue;
                }
                if let Ok(server) = TcpStream::connect(target) {
                    join(&shared, &client, &server, one_way_delay);
                }
            }
        });
        Self { address, state }
    }

    /// Where to connect to instead of the target.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// From here on carries so many bytes a second in each direction of a connection.
    pub(crate) fn limit(&self, bytes_a_second: u64) {
        self.state.rate.store(bytes_a_second, Ordering::SeqCst);
    }

    /// How many bytes it has carried, both directions together.
    pub(crate) fn bytes(&self) -> u64 {
        self.state.bytes.load(Ordering::SeqCst)
    }

    /// Ends every connection at once, both sides; new ones are carried again.
    pub(crate) fn cut(&self) {
        let mut open = self.state.open.lock().expect("no thread panics with it");
        for stream in open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Whether new connections are ended at once.
    pub(crate) fn refuse(&self, refuse: bool) {
        self.state.refusing.store(refuse, Ordering::SeqCst);
    }

    /// Carries nothing any more and closes nothing, as a cable that was pulled.
    pub(crate) fn stall(&self) {
        self.set_stalled(true);
    }

    /// Carries again, first what was waiting.
    pub(crate) fn resume(&self) {
        self.set_stalled(false);
    }

    fn set_stalled(&self, stalled: bool) {
        *self.state.stalled.lock().expect("no thread panics with it") = stalled;
        self.state.moved.notify_all();
    }
}

impl Drop for DelayProxy {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        self.cut();
        self.resume();
        // Wakes the thread that waits for the next connection.
        let _ = TcpStream::connect(self.address);
    }
}

fn join(state: &Arc<State>, client: &TcpStream, server: &TcpStream, delay: Duration) {
    for (from, to) in [(client, server), (server, client)] {
        let _ = to.set_nodelay(true);
        let (Ok(from), Ok(to), Ok(kept)) = (from.try_clone(), to.try_clone(), from.try_clone())
        else {
            return;
        };
        state
            .open
            .lock()
            .expect("no thread panics with it")
            .push(kept);
        let (sender, receiver) = sync_channel(IN_FLIGHT);
        let reading = Arc::clone(state);
        std::thread::spawn(move || read(&reading, from, &sender, delay));
        let writing = Arc::clone(state);
        std::thread::spawn(move || write(&writing, to, &receiver));
    }
}

/// Takes what comes and notes when it is due at the other end. The empty piece is the end of the stream.
fn read(
    state: &State,
    mut from: TcpStream,
    sender: &SyncSender<(Instant, Vec<u8>)>,
    delay: Duration,
) {
    let mut buffer = vec![0; 64 * 1024];
    // When what was taken last has left.
    let mut left = Instant::now();
    loop {
        let count = from.read(&mut buffer).unwrap_or(0);
        state.bytes.fetch_add(count as u64, Ordering::SeqCst);
        left = left.max(Instant::now());
        let rate = state.rate.load(Ordering::SeqCst);
        if rate > 0 {
            left += Duration::from_secs_f64(count as f64 / rate as f64);
        }
        if sender
            .send((left + delay, buffer[..count].to_vec()))
            .is_err()
            || count == 0
        {
            return;
        }
    }
}

fn write(state: &State, mut to: TcpStream, receiver: &Receiver<(Instant, Vec<u8>)>) {
    for (due, piece) in receiver {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let mut stalled = state.stalled.lock().expect("no thread panics with it");
        while *stalled {
            stalled = state.moved.wait(stalled).expect("no thread panics with it");
        }
        drop(stalled);
        if piece.is_empty() {
            let _ = to.shutdown(Shutdown::Write);
            return;
        }
        if to.write_all(&piece).is_err() {
            return;
        }
    }
}
