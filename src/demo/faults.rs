//! What is to go wrong, settable while the demo runs.
//!
//! In: a change to the plan, from a test. Out: the plan as it is now, for the connection, the daemon and the tools.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Everything that can go wrong. The default is that nothing does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, and any of them can be on together"
)]
pub struct Plan {
    /// Cut every connection once this many bytes have passed, both ways, since this was set. Happens once.
    pub cut_after: Option<u64>,
    /// Nothing passes, in neither direction, and nothing is closed.
    pub stall: bool,
    /// New connections are closed at once.
    pub refuse_connections: bool,
    /// Each byte takes this long in each direction.
    pub latency: Duration,
    /// Bytes a second in each direction of each connection.
    pub bandwidth: Option<u64>,
    /// New connections see another host key than the one that is announced.
    pub wrong_host_key: bool,
    /// There are no Nix commands on the server.
    pub no_nix: bool,
    /// The daemon begins with text that is no protocol, as a shell that prints a banner does.
    pub banner: bool,
    /// From this request of a connection on, counted from 1, the daemon answers bytes that mean nothing.
    pub garbage_at: Option<u64>,
    /// The daemon ends without a word at this request of a connection, counted from 1.
    pub crash_at: Option<u64>,
    /// Asking for the info of every path whose number divides by this is an error.
    pub error_every: Option<u32>,
    /// Paths that are there when listed and gone when asked for: those whose number divides by this.
    pub gone_every: Option<u32>,
    /// From this `AddSignatures` on, counted from 1 since this was set, the database takes no more writes.
    pub refuse_signatures_from: Option<u64>,
}

#[derive(Debug, Default)]
struct Shared {
    plan: watch::Sender<Plan>,
    cuts: watch::Sender<u64>,
    moved: AtomicU64,
    signatures: AtomicU64,
}

/// The plan, shared between the demo and its tests.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    shared: Arc<Shared>,
}

impl Faults {
    /// Nothing goes wrong, until something is set.
    pub fn none() -> Self {
        Self::default()
    }

    /// The plan as it is now.
    pub fn plan(&self) -> Plan {
        self.shared.plan.borrow().clone()
    }

    /// Follows the plan.
    pub(crate) fn plans(&self) -> watch::Receiver<Plan> {
        self.shared.plan.subscribe()
    }

    /// Changes the plan, at once and for what runs already.
    pub fn set(&self, change: impl FnOnce(&mut Plan)) {
        self.shared.plan.send_modify(|plan| {
            let before = (plan.cut_after, plan.refuse_signatures_from);
            change(plan);
            if plan.cut_after != before.0 {
                self.shared.moved.store(0, Ordering::Relaxed);
            }
            if plan.refuse_signatures_from != before.1 {
                self.shared.signatures.store(0, Ordering::Relaxed);
            }
        });
    }

    /// Nothing goes wrong any more.
    pub fn clear(&self) {
        self.set(|plan| *plan = Plan::default());
    }

    /// Cuts every connection now.
    pub fn cut_now(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Follows the cuts from now on.
    pub(crate) fn cuts(&self) -> watch::Receiver<u64> {
        self.shared.cuts.subscribe()
    }

    /// Resolves when nothing is stalled.
    pub(crate) async fn flowing(&self) {
        if self.shared.plan.borrow().stall {
            // The sender lives as long as `self`, so this ends only when the stall does.
            let _ = self.plans().wait_for(|plan| !plan.stall).await;
        }
    }

    /// How many of these bytes may pass; fewer than asked means that all connections are cut after them.
    pub(crate) fn pass(&self, bytes: usize) -> usize {
        let Some(limit) = self.shared.plan.borrow().cut_after else {
            return bytes;
        };
        let before = self.shared.moved.fetch_add(bytes as u64, Ordering::Relaxed);
        let left = limit.saturating_sub(before);
        if left > bytes as u64 {
            return bytes;
        }
        left as usize
    }

    /// The bytes that may pass have passed.
    pub(crate) fn cut_is_due(&self) {
        self.shared.plan.send_modify(|plan| plan.cut_after = None);
        self.cut_now();
    }

    /// Whether this `AddSignatures` is refused.
    pub(crate) fn refuses_signature(&self) -> bool {
        let Some(from) = self.shared.plan.borrow().refuse_signatures_from else {
            return false;
        };
        self.shared.signatures.fetch_add(1, Ordering::Relaxed) + 1 >= from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_exact_and_happens_once() {
        let faults = Faults::none();
        let mut cuts = faults.cuts();
        assert_eq!(faults.pass(1000), 1000);
        faults.set(|plan| plan.cut_after = Some(100));
        assert_eq!(faults.pass(60), 60);
        assert_eq!(faults.pass(60), 40);
        assert!(!cuts.has_changed().unwrap());
        faults.cut_is_due();
        assert!(cuts.has_changed().unwrap());
        cuts.mark_unchanged();
        assert_eq!(faults.pass(60), 60);
    }

    #[test]
    fn signatures_are_counted_from_when_it_is_set() {
        let faults = Faults::none();
        assert!(!faults.refuses_signature());
        faults.set(|plan| plan.refuse_signatures_from = Some(2));
        assert!(!faults.refuses_signature());
        assert!(faults.refuses_signature());
        assert!(faults.refuses_signature());
        faults.clear();
        assert!(!faults.refuses_signature());
        assert_eq!(faults.plan(), Plan::default());
    }
}
